"""A stand-in OpenAI over real HTTP: the Responses API with structured outputs, strict as the real one."""

from tests.sandbox.openai.model import Fault, OpenAiModel
from tests.sandbox.openai.routes import make_blueprint

__all__ = ["Fault", "OpenAiModel", "make_blueprint"]
