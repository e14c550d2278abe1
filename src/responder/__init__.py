"""Responder: a familiar HTTP service framework for Python."""

from . import status_codes as status_codes
from .api import API as API
from .config import Limits as Limits
from .config import Threads as Threads
from .errors import ClientDisconnected as ClientDisconnected
from .errors import ConfigurationError as ConfigurationError
from .errors import ContentTooLarge as ContentTooLarge
from .errors import DecodeError as DecodeError
from .errors import DuplicateRoute as DuplicateRoute
from .errors import HTTPError as HTTPError
from .errors import InvalidCookie as InvalidCookie
from .errors import InvalidHeader as InvalidHeader
from .errors import MissingValue as MissingValue
from .errors import Problem as Problem
from .errors import ResponderError as ResponderError
from .errors import RouteNotFoundError as RouteNotFoundError
from .errors import ServiceUnavailable as ServiceUnavailable
from .errors import UnknownConverter as UnknownConverter
from .errors import UnsafeRedirect as UnsafeRedirect
from .errors import UnsupportedMediaType as UnsupportedMediaType
from .errors import abort as abort
from .exchange.request import Request as Request
from .exchange.response import Response as Response
from .routing.router import Router as Router
