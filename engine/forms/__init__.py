"""Forms: what an analyst drew in form-js, as the rules that a submission is held to."""

from engine.forms.fields import Component, Field, FormScope, Note, Option
from engine.forms.form import Form

__all__ = ["Component", "Field", "Form", "FormScope", "Note", "Option"]
