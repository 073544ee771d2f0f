"""A local, stateful and strict HubSpot: `make_blueprint(HubSpotPortal())` serves it over HTTP."""

from tests.sandbox.hubspot.crm import Write
from tests.sandbox.hubspot.faults import Faults
from tests.sandbox.hubspot.mails import MailEvent
from tests.sandbox.hubspot.portal import HubSpotPortal
from tests.sandbox.hubspot.records import CrmRecord
from tests.sandbox.hubspot.reference import Stage
from tests.sandbox.hubspot.routes import make_blueprint
from tests.sandbox.hubspot.workflows import Enrolment, ListTrigger, PropertyTrigger, V2Trigger

__all__ = [
    "CrmRecord",
    "Enrolment",
    "Faults",
    "HubSpotPortal",
    "ListTrigger",
    "MailEvent",
    "PropertyTrigger",
    "Stage",
    "V2Trigger",
    "Write",
    "make_blueprint",
]
