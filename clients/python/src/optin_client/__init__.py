"""Client of the optin pruning service."""

from .client import Client
from .errors import DropError, JobError, OptinError, ServiceError
from .pruned import Label, Pruned

__all__ = ["Client", "DropError", "JobError", "Label", "OptinError", "Pruned", "ServiceError"]
