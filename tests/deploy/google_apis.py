"""Google's APIs as the deployment uses them: resources in memory, behind their documented paths.

Modelled: 404 before creation, 409 at a second one, 403 while an API is not enabled, long running
operations (done at the first poll), etags of IAM policies, field masks, and values that Google
adds. Not modelled: permissions, quotas, and the delay until new resources are visible.
"""

import base64
import copy
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from landfall.entry.own_service import SIGNATURE_REMOVED

REGIONS = ["europe-west1", "europe-west4", "us-central1"]

PROJECT, NUMBER = "demo-project", "123456789012"

ALWAYS_ENABLED = ("serviceusage", "cloudresourcemanager")

Json = dict[str, Any]


class ApiError(Exception):
    """An answer other than 200, in Google's form."""

    def __init__(
        self,
        code: int,
        status: str,
        message: str,
        reason: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]
        error = {"code": code, "status": status, "message": message}
        self.code = code
        self.headers = headers or {}
        self.body = {"error": error | ({"details": details} if reason else {})}


READS = (":getIamPolicy", ":generateIdToken", ":runQuery", ":listCollectionIds")
"""Endings of the paths of requests that change nothing, whatever their method."""


@dataclass(frozen=True)
class ApiRequest:
    """A request: "run", "POST", "projects/p/...", without the API's version."""

    api: str
    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    authorization: str = ""
    content_range: str = ""
    answered: dict[str, str] = field(default_factory=dict)
    """Headers of the answer."""

    @property
    def is_mutating(self) -> bool:
        """Return whether the request changes a resource."""
        if self.path.endswith(READS):
            return False
        return self.method != "GET"


_VERSION = re.compile(
    r"^/(?:storage/|(?:resumable/)?upload/storage/|apis/serving\.knative\.dev/)?v\d\w*/"
)


def parse_request(
    method: str, url: str, body: bytes, authorization: str = "", content_range: str = ""
) -> ApiRequest:
    """Parse a request from the wire. A part of a file stays as it is."""
    parts = urlsplit(url)
    api = parts.netloc.split(".")[0].rpartition("-")[2]
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    try:
        content = json.loads(body) if body and not content_range else body or None
    except ValueError:
        content = body
    path = unquote(_VERSION.sub("", parts.path)).replace("projects/-/", f"projects/{PROJECT}/")
    return ApiRequest(api, method, path, query, content, authorization, content_range)


class GoogleApis:
    """The resources of a project, by API and name."""

    def __init__(self) -> None:
        self.resources: dict[tuple[str, str], Json] = {}
        self.policies: dict[tuple[str, str], Json] = {}
        self.enabled: set[str] = set()
        self.payloads: dict[str, str] = {}
        """Content of each version of a secret, and in hexadecimal digits of each object."""
        self.uploads: dict[str, bytes] = {}
        """What has arrived of each file that is uploaded in parts."""
        self.outside: dict[str, tuple[int, Any]] = {}
        """Answers of others: "airtable", "openai", or the "api" itself."""
        self.identities: set[str] = set()
        """Services of Google that have an agent in the project."""
        self.iap_settings: Json = {}
        """Settings of Identity-Aware Proxy for the window."""
        self.takes_forged = False
        """Whether its api lets in a token that nobody has signed."""
        self.regions: dict[str, list[str]] = {}
        """Regions of an API that has not all of `REGIONS`."""
        self.builds: list[Json] = []
        """Results of the next builds, which fail: {"status": ..., "failureInfo": ...}."""
        self.unbuildable: set[str] = set()
        """Regions in which the project may not build."""
        self.fails: list[str] = []
        """Messages of the next revisions of Cloud Run, which fail."""
        self.ahead = 0.0
        """Seconds by which its clock is ahead."""
        self._numbers = 0
        self.put("cloudresourcemanager", f"projects/{PROJECT}", _project())

    def put(self, api: str, name: str, resource: Json) -> Json:
        """Store a resource."""
        self.resources[api, name] = resource
        return resource

    def named(self, api: str, name: str) -> Json:
        """Return a resource. Raises `ApiError`."""
        if (api, name) not in self.resources:
            raise ApiError(404, "NOT_FOUND", f"{name} was not found")
        return self.resources[api, name]

    def answer(self, request: ApiRequest) -> Json:
        """Return Google's answer. Raises `ApiError`."""
        if request.api == "api" and not self.takes_forged and _is_forged(request):
            raise ApiError(401, "", "unauthenticated")
        if request.api == "window":
            return _window(self)
        if request.api in self.outside:
            return _outside(*self.outside[request.api])
        if request.api not in ALWAYS_ENABLED and request.api not in self.enabled:
            message = f"{request.api} API has not been used in project {PROJECT} before"
            raise ApiError(403, "PERMISSION_DENIED", message, "SERVICE_DISABLED")
        if request.path.endswith("/locations"):
            regions = self.regions.get(request.api, REGIONS)
            return {"locations": [{"locationId": region} for region in regions]}
        if "operations/" in request.path:
            done: Json = {"name": request.path, "done": True, "response": {}}
            return self.resources.get((request.api, request.path), done)
        resource, colon, action = request.path.rpartition(":")
        if colon and action in ACTIONS:
            return ACTIONS[action](self, request, resource)
        if (request.api, request.method) in SPECIAL:
            return SPECIAL[request.api, request.method](self, request)
        return METHODS[request.method](self, request)

    def number(self) -> str:
        """Return a name that Google generates."""
        self._numbers += 1
        return f"{self._numbers:06d}"


def _is_forged(request: ApiRequest) -> bool:
    return request.authorization.endswith(SIGNATURE_REMOVED)


def _window(apis: GoogleApis) -> Json:
    """Answer a stranger as the window's service does: by IAP if it is on, else by Cloud Run."""
    service = apis.named("run", WINDOW_SERVICE)
    annotations = service["metadata"]["annotations"]
    if annotations.get("run.googleapis.com/iap-enabled") == "true":
        settings = apis.iap_settings.get("accessSettings", {}).get("oauthSettings", {})
        organised = "parent" in apis.named("cloudresourcemanager", f"projects/{PROJECT}")
        if not organised and not settings.get("clientId"):
            raise ApiError(500, "", "Empty Google Account OAuth client ID(s)/secret(s).")
        raise ApiError(302, "", "sign in", headers=SIGN_IN)
    policy = next((it for (_, name), it in apis.policies.items() if name.endswith(WINDOW)), {})
    if (
        "allUsers" in json.dumps(policy)
        or annotations.get("run.googleapis.com/invoker-iam-disabled") == "true"
    ):
        return {"page": "Home"}
    raise ApiError(403, "", "Forbidden")


SIGN_IN = {"Location": "http://accounts.fake/", "x-goog-iap-generated-response": "true"}

WINDOW = "services/landfall-window"

WINDOW_SERVICE = f"namespaces/{PROJECT}/{WINDOW}"


def _outside(status: int, content: Any) -> Json:
    if status != 200:
        raise ApiError(status, "", str(content))
    answer: Json = content
    return answer


def _project() -> Json:
    return {"projectId": PROJECT, "projectNumber": NUMBER, "lifecycleState": "ACTIVE"}


# Reading, writing and deleting ordinary resources


def _get(apis: GoogleApis, request: ApiRequest) -> Json:
    if (request.api, request.path) in apis.resources:
        return apis.resources[request.api, request.path]
    collection = request.path.rpartition("/")[2]
    if collection not in COLLECTIONS:
        raise ApiError(404, "NOT_FOUND", f"{request.path} was not found")
    pattern = re.escape(request.path).replace(r"/\-/", "/[^/]+/").replace("/-/", "/[^/]+/")
    found = [
        resource
        for (api, name), resource in apis.resources.items()
        if api == request.api and re.fullmatch(f"{pattern}/[^/]+", name)
    ]
    return {COLLECTIONS[collection]: found} if found else {}


COLLECTIONS = {
    "services": "services",
    "backupSchedules": "backupSchedules",
    "serviceAccounts": "accounts",
    "indexes": "indexes",
    "fields": "fields",
    "secrets": "secrets",
    "versions": "versions",
    "jobs": "jobs",
    "metrics": "metrics",
    "alertPolicies": "alertPolicies",
    "notificationChannels": "notificationChannels",
}

IDS = ("repositoryId", "databaseId", "secretId")


def _post(apis: GoogleApis, request: ApiRequest) -> Json:
    """Create a resource, named by the query, by the body, or by a generated name."""
    body = copy.deepcopy(request.body)
    ids = [request.query[name] for name in IDS if name in request.query]
    collection = request.path.rpartition("/")[2]
    if collection in ("queues", "jobs", "releases"):
        name = body["name"]
    elif collection == "metrics":
        name = f"{request.path}/{body['name']}"
    elif collection == "serviceAccounts":
        return _account(apis, request)
    else:
        name = f"{request.path}/{ids[0] if ids else apis.number()}"
    if (request.api, name) in apis.resources or _same_index(apis, request):
        raise ApiError(409, "ALREADY_EXISTS", f"{name} already exists")
    shown = body if collection == "metrics" else body | {"name": name}
    apis.put(request.api, name, shown | ADDED.get(collection, {}))
    return (
        _operation(request, name) if collection in LONG_RUNNING else apis.named(request.api, name)
    )


LONG_RUNNING = ("databases", "indexes", "repositories")

ADDED: dict[str, Json] = {
    "indexes": {"state": "CREATING"},
    "queues": {"state": "RUNNING"},
    "jobs": {"state": "ENABLED"},
    "repositories": {"format": "DOCKER"},
}
"""Fields that Google adds."""


def _operation(request: ApiRequest, name: str) -> Json:
    parent = re.match(r"projects/[^/]+(/(locations|databases)/[^/]+)?", request.path)
    assert parent
    created = f"/databases/{request.query.get('databaseId')}"
    place = parent[0] + (created if request.path.endswith("/databases") else "")
    done: Json = {"name": f"{place}/operations/1", "done": True, "response": {"name": name}}
    return done | {"metadata": {"state": "SUCCESSFUL"}}


def _same_index(apis: GoogleApis, request: ApiRequest) -> bool:
    if not request.path.endswith("/indexes"):
        return False
    same = [
        index["fields"] == request.body["fields"]
        for (_, name), index in apis.resources.items()
        if name.startswith(f"{request.path}/")
    ]
    return any(same)


def _account(apis: GoogleApis, request: ApiRequest) -> Json:
    email = f"{request.body['accountId']}@{PROJECT}.iam.gserviceaccount.com"
    name = f"projects/{PROJECT}/serviceAccounts/{email}"
    if (request.api, name) in apis.resources:
        raise ApiError(409, "ALREADY_EXISTS", f"{email} already exists")
    return apis.put("iam", name, request.body["serviceAccount"] | {"name": name, "email": email})


def _patch(apis: GoogleApis, request: ApiRequest) -> Json:
    """Change the fields of the mask, or without one those of the body."""
    body = request.body.get("release", request.body)
    name = request.path
    if "/fields/" in name:  # every field exists implicitly
        apis.resources.setdefault(("firestore", name), {"name": name})
    resource = apis.named(request.api, name)
    mask = request.query.get("updateMask")
    for path in mask.split(",") if mask else body:
        _set(resource, body, path.split("."))
    if "/jobs/" in name:
        resource["state"] = "ENABLED"
    if "ttlConfig" in resource:
        resource["ttlConfig"] = {"state": "CREATING"} | resource["ttlConfig"]
    long = "/fields/" in name or re.fullmatch("projects/[^/]+/databases/[^/]+", name)
    return _operation(request, name) if long else resource


def _set(resource: Json, body: Json, path: list[str]) -> None:
    *parents, last = path
    for parent in parents:
        resource, body = resource.setdefault(parent, {}), body.get(parent, {})
    if last in body:
        resource[last] = copy.deepcopy(body[last])
    else:
        resource.pop(last, None)


def _put(apis: GoogleApis, request: ApiRequest) -> Json:
    apis.named(request.api, request.path).update(request.body)
    return apis.named(request.api, request.path)


def _delete(apis: GoogleApis, request: ApiRequest) -> Json:
    database = request.path if "/databases/" in request.path else None
    if database and apis.named("firestore", database).get("deleteProtectionState", "").endswith(
        "_ENABLED"
    ):
        raise ApiError(400, "FAILED_PRECONDITION", "the database is protected from deletion")
    apis.named(request.api, request.path)
    for key in [key for key in apis.resources if f"{key[1]}/".startswith(f"{request.path}/")]:
        if key[0] == request.api:
            del apis.resources[key]
            apis.policies.pop(key, None)
    long = request.api in ("firestore", "artifactregistry")
    return _operation(request, request.path) if long else {}


METHODS: dict[str, Callable[[GoogleApis, ApiRequest], Json]] = {
    "GET": _get,
    "POST": _post,
    "PATCH": _patch,
    "PUT": _put,
    "DELETE": _delete,
}


# IAM


def _get_policy(apis: GoogleApis, request: ApiRequest, resource: str) -> Json:
    resource = _owner(apis, request, resource)
    return apis.policies.get((request.api, resource), {"etag": _etag({})})


def _set_policy(apis: GoogleApis, request: ApiRequest, resource: str) -> Json:
    resource = _owner(apis, request, resource)
    before = apis.policies.get((request.api, resource), {"etag": _etag({})})
    given = request.body["policy"]
    agents = re.findall(r"serviceAccount:(service-\d+@gcp-sa-iap\S*\.com)", json.dumps(given))
    if agents and "iap" not in apis.identities:
        raise ApiError(400, "INVALID_ARGUMENT", f"Service account {agents[0]} does not exist.")
    if "etag" in given and given["etag"] != before["etag"]:
        raise ApiError(409, "ABORTED", "There were concurrent policy changes. Please retry")
    policy = {"version": 1, "bindings": given.get("bindings", [])}
    apis.policies[request.api, resource] = policy | {"etag": _etag(policy)}
    return apis.policies[request.api, resource]


def _etag(policy: Json) -> str:
    # of hexadecimal digits: gcloud reads base64, and writes it back the same without `+` and `/`
    digest = hashlib.sha256(json.dumps(policy).encode()).hexdigest()
    return base64.b64encode(digest[:12].encode()).decode()


def _owner(apis: GoogleApis, request: ApiRequest, resource: str) -> str:
    """Return the full name of the resource that has the policy."""
    if request.api in ("run", "iap"):
        apis.named("run", f"namespaces/{PROJECT}/services/{resource.rpartition('/')[2]}")
    else:
        apis.named(request.api, resource)
    return resource


# Special cases


def _enable_account(apis: GoogleApis, resource: str) -> Json:
    del apis.named("iam", resource)["disabled"]
    return {}


def _enable(apis: GoogleApis, request: ApiRequest, resource: str) -> Json:
    if request.api == "iam":
        return _enable_account(apis, resource)
    path = request.path.removesuffix(":enable")
    names = (request.body or {}).get("serviceIds") or [path.rpartition("/")[2]]
    apis.enabled |= {name.split(".")[0] for name in names}
    return {"name": "operations/enable.1", "done": True, "response": {}}


def _identity(apis: GoogleApis, _: ApiRequest, resource: str) -> Json:
    api = resource.rpartition("/")[2].split(".")[0]
    if api not in apis.enabled:
        raise ApiError(403, "PERMISSION_DENIED", f"{api} is not enabled")
    apis.identities.add(api)
    return {"name": "operations/identity.1", "done": True, "response": {}}


def _settings(apis: GoogleApis, _: ApiRequest, resource: str) -> Json:
    return apis.iap_settings | {"name": resource}


def _services(apis: GoogleApis, request: ApiRequest) -> Json:
    names = [f"{request.path}/{api}.googleapis.com" for api in sorted(apis.enabled)]
    return {"services": [{"name": name, "state": "ENABLED"} for name in names]}


def _add_version(apis: GoogleApis, request: ApiRequest, resource: str) -> Json:
    apis.named("secretmanager", resource)
    versions = [name for _, name in apis.resources if name.startswith(f"{resource}/versions/")]
    name = f"{resource}/versions/{len(versions) + 1}"
    apis.payloads[name] = base64.b64decode(request.body["payload"]["data"]).decode()
    apis.put("secretmanager", name, {"name": name, "state": "ENABLED"})
    return apis.named("secretmanager", name) | {"clientSpecifiedPayloadChecksum": True}


def _access(apis: GoogleApis, _: ApiRequest, resource: str) -> Json:
    apis.named("secretmanager", resource)
    data = base64.b64encode(apis.payloads[resource].encode()).decode()
    return {"name": resource, "payload": {"data": data}}


def _query(apis: GoogleApis, request: ApiRequest, resource: str) -> Any:
    """Return the documents of a collection whose field exceeds a number."""
    query = request.body["structuredQuery"]
    (collection,) = [it["collectionId"] for it in query["from"]]
    condition = query["where"]["fieldFilter"]
    field, least = condition["field"]["fieldPath"], int(condition["value"]["integerValue"])
    return [
        {"document": document}
        for (_, name), document in apis.resources.items()
        if re.fullmatch(f"{re.escape(resource)}/{collection}/[^/]+", name)
        if int(document["fields"].get(field, {}).get("integerValue", 0)) > least
    ]


def _collections(apis: GoogleApis, _: ApiRequest, resource: str) -> Json:
    """Return the ids of a database's top-level collections."""
    apis.named("firestore", resource.removesuffix("/documents"))
    inside = [name.removeprefix(f"{resource}/") for api, name in apis.resources if resource in name]
    return {"collectionIds": sorted({name.partition("/")[0] for name in inside})}


def _restore(apis: GoogleApis, request: ApiRequest, resource: str) -> Json:
    """Make a database from a backup: here of the one that is there, with its documents."""
    name = f"{resource}/{request.body['databaseId']}"
    source = f"{resource}/landfall"
    for (api, one), found in [*apis.resources.items()]:
        if api == "firestore" and (one == source or one.startswith(f"{source}/documents/")):
            there = f"{name}{one.removeprefix(source)}"
            apis.put(api, there, copy.deepcopy(found) | {"name": there})
    apis.named("firestore", name)["deleteProtectionState"] = "DELETE_PROTECTION_DISABLED"
    done: Json = {"name": f"{name}/operations/1", "done": True, "response": {"name": name}}
    return done


def _id_token(_: GoogleApis, request: ApiRequest, resource: str) -> Json:
    return {"token": f"identity-of.{resource.rpartition('/')[2]}.{request.body['audience']}"}


def _run_get(apis: GoogleApis, request: ApiRequest) -> Json:
    if not request.path.endswith("/services"):
        return _get(apis, request)
    return {"kind": "ServiceList", "items": _get(apis, request).get("services", [])}


def _run_write(apis: GoogleApis, request: ApiRequest) -> Json:
    """Store a service that is ready at once, unless its revision is to fail.

    A template that is there already makes no new revision.
    """
    body = copy.deepcopy(request.body)
    name = f"namespaces/{PROJECT}/services/{body['metadata']['name']}"
    before = apis.resources.get(("run", name), {})
    generation = before.get("metadata", {}).get("generation", 0) + 1
    body["metadata"] |= {"generation": generation, "namespace": PROJECT, "uid": "1"}
    body["metadata"].setdefault("annotations", {})["serving.knative.dev/creator"] = "somebody"
    ready = [{"type": kind, "status": "True"} for kind in READY]
    revision = f"{body['metadata']['name']}-{generation:05d}-abc"
    same = body["spec"] == before.get("spec")
    if failure := before["status"]["conditions"][0].get("message") if same else None:
        apis.fails.append(failure)
    if apis.fails:
        ready[0] = {"type": "Ready", "status": "False", "message": apis.fails.pop(0)}
    body["status"] = {
        "observedGeneration": generation,
        "conditions": ready,
        "latestReadyRevisionName": revision if ready[0]["status"] == "True" else None,
        "latestCreatedRevisionName": revision,
        "url": f"http://{body['metadata']['name']}.fake",
        "traffic": [{"revisionName": revision, "percent": 100, "latestRevision": True}],
    }
    return apis.put("run", name, body)


READY = ("Ready", "ConfigurationsReady", "RoutesReady")


def _build(apis: GoogleApis, request: ApiRequest) -> Json:
    """Create a trigger, or a build that ends at once and leaves its images."""
    if request.path.endswith("/triggers"):
        id_ = apis.number()
        name = f"{request.path}/{id_}"
        return apis.put("cloudbuild", name, request.body | {"id": id_, "resourceName": name})
    region = re.search("/locations/([^/]+)/", request.path)
    if region and region[1] in apis.unbuildable:
        message = "due to quota restrictions, cannot run builds in this region"
        raise ApiError(400, "FAILED_PRECONDITION", message)
    if apis.builds:
        build = request.body | {"id": "build-0", "projectId": PROJECT} | apis.builds.pop(0)
        build |= {"name": f"{request.path}/build-0", "logUrl": "https://logs.example"}
        apis.put("cloudbuild", build["name"], build)
        return {"name": "operations/build/0", "metadata": {"build": build}}
    for image in request.body.get("images", []):
        repository, _, name = image.rpartition("/")
        region = repository.partition("-docker")[0]
        name, _, tag = name.partition(":")
        folder = repository.rpartition("/")[2]
        place = f"projects/{PROJECT}/locations/{region}/repositories/{folder}"
        path = f"{place}/packages/{name}/tags/{tag}"
        apis.put("artifactregistry", path, {"name": path})
    build = request.body | {"id": "build-1", "status": "SUCCESS", "projectId": PROJECT}
    build |= {"name": f"{request.path}/build-1", "logUrl": "https://logs.example"}
    apis.put("cloudbuild", build["name"], build)
    return {"name": "operations/build/1", "metadata": {"build": build}}


def _submit(apis: GoogleApis, request: ApiRequest, builds: str) -> Json:
    """Build by buildpacks for `gcloud run deploy --source`; the image is there at once."""
    images = [{"name": request.body["imageUri"], "digest": f"sha256:{'0' * 64}"}]
    build: Json = {"name": f"{builds}/build-1", "id": "build-1", "status": "SUCCESS"}
    build |= {"projectId": PROJECT, "results": {"images": images}}
    name = f"{builds.removesuffix('/builds')}/operations/build-1"
    operation: Json = {"name": name, "done": True, "response": build}
    apis.put("cloudbuild", name, operation)
    metadata = {"build": build | {"logUrl": "https://logs.example"}}
    return {"buildOperation": operation | {"metadata": metadata}, "baseImageUri": "base"}


def _storage_post(apis: GoogleApis, request: ApiRequest) -> Json:
    if request.query.get("uploadType") == "resumable":
        return _start_upload(apis, request)
    if isinstance(request.body, bytes):
        return _upload(apis, request)
    name = f"b/{request.body['name']}"
    return apis.put("storage", name, request.body | {"kind": "storage#bucket", "id": name})


def _upload(apis: GoogleApis, request: ApiRequest) -> Json:
    """Store a file from a multipart message, as gcloud sends it."""
    boundary = request.body.split(b"\n", 1)[0].strip()
    part = request.body.split(boundary)[2]
    content = re.split(rb"\r?\n\r?\n", part, maxsplit=1)[1].rstrip(b"\r\n")
    size = json.loads(re.search(rb"\{.*?\}", request.body)[0])["size"]  # type: ignore[index]
    content = content[: int(size)] if len(content) >= int(size) else content
    return _store(apis, request, content)


def _start_upload(apis: GoogleApis, request: ApiRequest) -> Json:
    """Begin an upload in parts: the answer has the address for them."""
    upload = apis.number()
    apis.uploads[upload] = b""
    query = urlencode(request.query | {"upload_id": upload, **(request.body or {})})
    request.answered["Location"] = f"http://storage.fake/upload/storage/v1/{request.path}?{query}"
    return {}


def _continue_upload(apis: GoogleApis, request: ApiRequest) -> Json:
    """Add a part, or with `bytes */SIZE` none, and say how far it came; store a file that is whole.

    A part that does not begin where the last one ended is refused, and so is one too long.
    """
    upload = request.query["upload_id"]
    parsed = re.fullmatch(r"bytes (?:\*|(\d+)-(\d+))/(\*|\d+)", request.content_range)
    if parsed is None or upload not in apis.uploads:
        raise ApiError(404 if parsed else 400, "", f"no such upload: {request.content_range}")
    first, last, size = parsed.groups()
    part, there = request.body or b"", len(apis.uploads[upload])
    if first and (int(first), int(last) + 1) != (there, there + len(part)):
        raise ApiError(400, "", f"{there} bytes are here, not {request.content_range}")
    apis.uploads[upload] += part
    there += len(part)
    if str(there) == size:
        return _store(apis, request, apis.uploads.pop(upload))
    raise ApiError(308, "", "", headers={"Range": f"bytes=0-{there - 1}"} if there else {})


def _store(apis: GoogleApis, request: ApiRequest, content: bytes) -> Json:
    """Store a file."""
    name, bucket = request.query["name"], request.path.split("/")[1]
    md5 = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    object_ = {"name": name, "size": str(len(content)), "generation": "1"}
    object_ |= {"bucket": bucket, "md5Hash": md5}
    apis.payloads[f"{bucket}/{name}"] = content.hex()
    return apis.put("storage", f"b/{bucket}/o/{name}", object_)


def _storage_get(apis: GoogleApis, request: ApiRequest) -> Json:
    if request.path.endswith("/iam"):
        bucket = request.path.removesuffix("/iam")
        apis.named("storage", bucket)
        return apis.policies.get(("storage", bucket), {"etag": _etag({}), "bindings": []})
    if request.path.endswith("/storageLayout"):
        return {"kind": "storage#storageLayout", "locationType": "region"}
    if request.path.endswith("/managedFolders"):
        return {"kind": "storage#managedFolders"}
    if request.path.endswith("/o"):
        names = [it for (_, name), it in apis.resources.items() if name.startswith(request.path)]
        return {"kind": "storage#objects", "items": names}
    return apis.named("storage", request.path)


def _storage_put(apis: GoogleApis, request: ApiRequest) -> Json:
    if "upload_id" in request.query:
        return _continue_upload(apis, request)
    bucket = request.path.removesuffix("/iam")
    policy = {"bindings": request.body["bindings"]}
    apis.policies["storage", bucket] = policy | {"etag": _etag(policy)}
    return apis.policies["storage", bucket]


ACTIONS: dict[str, Callable[[GoogleApis, ApiRequest, str], Json]] = {
    "getIamPolicy": _get_policy,
    "setIamPolicy": _set_policy,
    "batchEnable": _enable,
    "enable": _enable,
    "addVersion": _add_version,
    "access": _access,
    "runQuery": _query,
    "listCollectionIds": _collections,
    "restore": _restore,
    "generateIdToken": _id_token,
    "generateServiceIdentity": _identity,
    "iapSettings": _settings,
    "submit": _submit,
}

SPECIAL: dict[tuple[str, str], Callable[[GoogleApis, ApiRequest], Json]] = {
    ("serviceusage", "GET"): _services,
    ("run", "GET"): _run_get,
    ("run", "POST"): _run_write,
    ("run", "PUT"): _run_write,
    ("cloudbuild", "POST"): _build,
    ("storage", "POST"): _storage_post,
    ("storage", "GET"): _storage_get,
    ("storage", "PUT"): _storage_put,
}
