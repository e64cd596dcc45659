"""Fixtures of the tests of chaos."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _grpc_engine(grpc_engine: None) -> None:
    """Keep gRPC's engine for the stacks that these tests start."""
