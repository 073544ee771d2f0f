"""A local, strict GA4 Data API: `make_blueprint(Ga4Property(visits))` serves it over HTTP."""

from tests.sandbox.ga4.property import Ga4Property
from tests.sandbox.ga4.quota import Quota
from tests.sandbox.ga4.routes import make_blueprint

__all__ = ["Ga4Property", "Quota", "make_blueprint"]
