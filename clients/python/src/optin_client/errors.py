"""Errors of the client."""

from __future__ import annotations

from typing import Any


class OptinError(Exception):
    """Base class of all errors of this package."""


class ServiceError(OptinError):
    """The service refused a request."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        self.status = status
        self.code: str = problem.get("code", "unknown")
        self.detail: str = problem.get("detail") or f"the service answered with status {status}"
        self.errors: list[dict[str, Any]] = problem.get("errors", [])
        self.request_id: str | None = problem.get("request_id")
        super().__init__(f"{self.code}: {self.detail}")


class JobError(OptinError):
    """A job ended without a result."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        error = job.get("error") or {}
        self.code: str = error.get("code", job["state"])
        self.detail: str = error.get("detail") or f"the job is {job['state']}"
        super().__init__(f"{job['id']}: {self.code}: {self.detail}")


class DropError(OptinError):
    """The pruned model lost more than is allowed."""
