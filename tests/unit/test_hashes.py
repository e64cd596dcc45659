"""Wheels whose hashes are listed: those that the functions' Pythons may install."""

import pytest
from packaging.utils import parse_wheel_filename

from tests.generated.hashes import is_ours


@pytest.mark.parametrize(
    ("wheel", "ours"),
    [
        ("protobuf-7.36.2-cp310-abi3-manylinux2014_x86_64.whl", True),
        ("cryptography-47.0.0-cp311-abi3-manylinux_2_34_x86_64.whl", True),
        ("cryptography-47.0.0-cp39-abi3-manylinux_2_34_x86_64.whl", True),
        ("protobuf-7.36.2-py3-none-any.whl", True),
        ("inflection-0.5.1-py2.py3-none-any.whl", True),
        ("lxml-6.1.0-cp313-cp313-manylinux_2_26_x86_64.whl", True),
        ("lxml-6.1.0-cp310-cp310-manylinux_2_26_x86_64.whl", False),
        ("lxml-6.1.0-cp314-cp314-manylinux_2_26_x86_64.whl", False),
        ("made-1.0-cp314-abi3-manylinux_2_26_x86_64.whl", False),
    ],
)
def test_a_compiled_wheel_for_earlier_pythons_is_listed(wheel: str, ours: bool) -> None:
    """Without it pip would take the one in plain Python, which reads documents ten times slower."""
    *_, tags = parse_wheel_filename(wheel)
    assert any(map(is_ours, tags)) == ours
