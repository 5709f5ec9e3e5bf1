"""Write Sedge plugins in Python: see the README of this package.

    from sedge_sdk import Context, Failure, Model

    model = Model("@acme/greeter", "2026.12.01.1", "Greets people")
"""

from . import errors as errors
from . import limits as limits
from .calls import AsyncPending as AsyncPending
from .calls import Outcome as Outcome
from .calls import Pending as Pending
from .commands import AsyncProcess as AsyncProcess
from .commands import Exit as Exit
from .commands import Output as Output
from .commands import Process as Process
from .commands import Signal as Signal
from .context import AsyncContext as AsyncContext
from .context import Context as Context
from .context import Identity as Identity
from .data import DataKind as DataKind
from .data import FileReader as FileReader
from .data import FileWriter as FileWriter
from .data import LineWriter as LineWriter
from .data import QueryMatch as QueryMatch
from .data import Resource as Resource
from .data import VersionInfo as VersionInfo
from .data import Written as Written
from .errors import CallError as CallError
from .errors import CommandError as CommandError
from .errors import DataError as DataError
from .errors import Denied as Denied
from .errors import Failure as Failure
from .errors import HttpError as HttpError
from .errors import ModelsError as ModelsError
from .errors import SecretError as SecretError
from .errors import SedgeError as SedgeError
from .errors import WorkflowError as WorkflowError
from .fields import camel_case as camel_case
from .fields import field as field
from .folders import Folder as Folder
from .http import AsyncResponse as AsyncResponse
from .http import Headers as Headers
from .http import Response as Response
from .http import Timeouts as Timeouts
from .model import CheckedCall as CheckedCall
from .model import MethodKind as MethodKind
from .model import Model as Model
from .models import Definition as Definition
from .models import UnreadableDefinition as UnreadableDefinition
from .reports import CallReport as CallReport
from .reports import ModelReport as ModelReport
from .reports import Report as Report
from .reports import RunReport as RunReport
from .secrets import Secret as Secret
from .version import CONTRACT_VERSION as CONTRACT_VERSION
from .version import VERSION as VERSION
from .workflows import RunCancelled as RunCancelled
from .workflows import RunFailed as RunFailed
from .workflows import RunSucceeded as RunSucceeded
from .workflows import RunSuspended as RunSuspended

__version__ = VERSION
