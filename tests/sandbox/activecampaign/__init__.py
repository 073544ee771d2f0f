"""A stand-in ActiveCampaign account over real HTTP, to be mounted at /activecampaign."""

from tests.sandbox.activecampaign.account import ActiveCampaignAccount, SoftFailure
from tests.sandbox.activecampaign.deliveries import Deliveries, deliver
from tests.sandbox.activecampaign.routes import make_blueprint

__all__ = ["ActiveCampaignAccount", "Deliveries", "SoftFailure", "deliver", "make_blueprint"]
