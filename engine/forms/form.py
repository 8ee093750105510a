"""The form: the one door to reading, validating, prefilling and sampling."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import marshmallow

from engine.errors import InvalidInput
from engine.forms import rules, samples, submission
from engine.forms.fields import Component, Field, FormScope, fields_of
from engine.forms.reading import read_form
from engine.forms.shapes import Faults, load, schema_of
from engine.messages import Lang


@dataclass(frozen=True, eq=False)
class Form:
    """A `.form` file, read and ready. Never changed, so one may serve every thread."""

    id: str
    components: tuple[Component, ...]
    fields: tuple[Field, ...]
    _schema: marshmallow.Schema

    @classmethod
    def parse(cls, text: str) -> Form:
        """Read form-js's JSON. Raises InvalidDefinition with every problem found."""
        form_id, components = read_form(text)
        fields = fields_of(components)
        return cls(form_id, components, fields, schema_of(fields))

    @property
    def sources(self) -> frozenset[str]:
        """The option sources that the form needs, such as `organisations:unit`."""
        every = (*self.fields, *(column for field in self.fields for column in field.columns))
        return frozenset(field.source for field in every if field.source)

    @property
    def expressions(self) -> tuple[tuple[str, str], ...]:
        """Each FEEL text under its component's key (`claims.request` for a column)."""
        return tuple(_expressions(self.components, ""))

    def validate(
        self, raw: Mapping[str, Any], scope: FormScope, lang: Lang = "zh"
    ) -> dict[str, Any]:
        """The cleaned JSON values: an entry for each visible field, null (or false, or an empty
        list) where nothing was filled in; none for hidden fields.

        Cleaned values are valid input again and stay the same. Null counts as not filled in.
        Raises InvalidInput, its fields under dotted keys (`claims.0.request`).
        """
        cleaned, faults = self._settle(raw, scope)
        if faults:
            raise InvalidInput(_in_words(faults, lang))
        return cleaned

    def visible(self, values: Mapping[str, Any], scope: FormScope) -> set[str]:
        """The keys of what is shown for these values, valid or not: fields, notes, and the
        columns of each row (`claims.0.request`)."""
        readable, _ = load(self._schema, values)
        return rules.Rules(scope, {}).visible_names(self.components, readable, scope.values)

    def parse_submission(self, items: Iterable[tuple[str, str]]) -> dict[str, Any]:
        """The raw values of an HTML form's pairs, for `validate`; see submission.py."""
        return submission.parse(self.fields, items)

    def initial(self, doc: Mapping[str, Any]) -> dict[str, Any]:
        """What to show at first: the case document's values under the same keys; a list with
        `prefill` that the document does not have yet takes its rows from that list. Values that
        no longer have the field's shape are left out.
        """
        readable, _ = load(self._schema, submission.prefilled(self.fields, doc))
        return submission.without_nulls(readable)

    def routing(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The process variables among cleaned values: texts, numbers, booleans, null, lists of
        texts. A hidden field gives none."""
        return {f.key: values[f.key] for f in self.fields if f.routing and f.key in values}

    def organisations(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Organisation key -> organisation id, as cleaned values settle them."""
        return {
            field.organisation: values[field.key]
            for field in self.fields
            if field.organisation and values.get(field.key)
        }

    def sample(
        self, scope: FormScope, overrides: Mapping[str, Any], lang: Lang = "zh"
    ) -> dict[str, Any]:
        """Cleaned values for a scenario: the overrides, and valid values for the visible required
        fields that they leave out.

        `overrides` may name a field by key or label and an option by value or label; a row's
        field is `claims[1].request`, counted from 1. A required routing field must be given:
        what decides the way on is never made up. Raises InvalidInput.
        """
        sampler = samples.Sampler(self, scope)
        raw = sampler.fill(overrides)
        if sampler.faults:
            raise InvalidInput(_in_words(sampler.faults, lang))
        return self.validate(raw, scope, lang)

    def faults(self, raw: Mapping[str, Any], scope: FormScope) -> Faults:
        """What `validate` would refuse, in no language yet."""
        return self._settle(raw, scope)[1]

    def _settle(self, raw: Mapping[str, Any], scope: FormScope) -> tuple[dict[str, Any], Faults]:
        values, faults = load(self._schema, raw)
        cleaned = rules.Rules(scope, faults).settle(self.components, values, scope.values)
        return cleaned, faults


def _in_words(faults: Faults, lang: Lang) -> dict[str, list[str]]:
    return {key: [message.text(lang) for message in found] for key, found in faults.items()}


def _expressions(components: Iterable[Component], prefix: str) -> Iterator[tuple[str, str]]:
    for component in components:
        name = prefix + component.key
        if component.hide:
            yield name, component.hide
        if isinstance(component, Field):
            if component.check:
                yield name, component.check
            yield from _expressions(component.components, f"{name}.")
