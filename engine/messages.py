"""The sentences about what somebody filled in, each in Chinese and in English."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Lang = Literal["zh", "en"]
LANGUAGES: tuple[Lang, ...] = ("zh", "en")

CATALOGUE: Mapping[str, Mapping[Lang, str]] = {
    "required": {
        "zh": "请填写这一项。",
        "en": "Fill in this field.",
    },
    "required_choice": {
        "zh": "请选择一项。",
        "en": "Choose an option.",
    },
    "required_checkbox": {
        "zh": "请勾选后再提交。",
        "en": "Tick the box to go on.",
    },
    "required_rows": {
        "zh": "请至少填写一行。",
        "en": "Fill in at least one row.",
    },
    "unknown_field": {
        "zh": "本表单没有这一项，请删除后再提交。",
        "en": "The form has no such field. Leave it out.",
    },
    "hidden_field": {
        "zh": "按已填的内容，这一项不显示，不能填写。",
        "en": "The other values hide this field, so it takes no value. Leave it out.",
    },
    "ambiguous_field": {
        "zh": "有几项都叫这个名称，请改写字段的 key。",
        "en": "Several fields bear this label. Write the field's key instead.",
    },
    "not_form": {
        "zh": "提交的内容应当是各项的名称和值，请重新打开表单。",
        "en": "Expected the form's keys with their values. Open the form again.",
    },
    "not_text": {
        "zh": "这里应当是文字，请改填文字。",
        "en": "Expected a text. Write one.",
    },
    "control_characters": {
        "zh": "文字中有看不见的控制字符，请删去或重新输入。",
        "en": "The text holds invisible control characters. Delete them or type it anew.",
    },
    "too_long": {
        "zh": "最多 {most} 字，现有 {found} 字，请缩短。",
        "en": "At most {most} characters, found {found}. Shorten it.",
    },
    "too_short": {
        "zh": "至少 {least} 字，现有 {found} 字，请补充。",
        "en": "At least {least} characters, found {found}. Write more.",
    },
    "pattern": {
        "zh": "格式不对，请按填写提示改正。",
        "en": "The text has another form than the hint asks for. Correct it.",
    },
    "not_number": {
        "zh": "这里应当是数字，例如 12 或 3.5。",
        "en": "Expected a number such as 12 or 3.5.",
    },
    "number_digits": {
        "zh": "数字太长：最多 {digits} 位，其中小数最多 {decimals} 位。",
        "en": "The number is too long: at most {digits} digits, {decimals} of them decimals.",
    },
    "too_small": {
        "zh": "不能小于 {least}。",
        "en": "The least allowed is {least}.",
    },
    "too_large": {
        "zh": "不能大于 {most}。",
        "en": "The most allowed is {most}.",
    },
    "not_boolean": {
        "zh": "这里应当是勾选或不勾选（true 或 false）。",
        "en": "Expected ticked or not (true or false).",
    },
    "not_date": {
        "zh": "这里应当是日期，写作 2025-08-04，在 {first} 年至 {last} 年之间。",
        "en": "Expected a date written 2025-08-04, in the years {first} to {last}.",
    },
    "not_list": {
        "zh": "这里应当是一个列表。",
        "en": "Expected a list.",
    },
    "not_row": {
        "zh": "列表的这一行应当是各栏的名称和值。",
        "en": "Expected the columns of this row with their values.",
    },
    "too_many": {
        "zh": "最多 {most} 行，现有 {found} 行，请删减。",
        "en": "At most {most} rows, found {found}. Remove some.",
    },
    "repeated_choice": {
        "zh": "同一选项只能选一次。",
        "en": "Choose an option only once.",
    },
    "unknown_option": {
        "zh": "没有这个选项，请从所列选项中选择。",
        "en": "There is no such option. Choose from those listed.",
    },
    "no_sample": {
        "zh": "想不出合格的样例值，请写明这一项。",
        "en": "No sample value passes this field's rules. Give its value.",
    },
}


@dataclass(frozen=True)
class Message:
    """A key of the catalogue and what fills its blanks; or, with key `""`, an analyst's words."""

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    words: str = ""

    def text(self, lang: Lang) -> str:
        return text(self.key, lang, **self.values) if self.key else self.words


def text(key: str, lang: Lang, **values: Any) -> str:
    """The sentence in this language. Raises KeyError for a key or blank that does not exist."""
    return CATALOGUE[key][lang].format(**values)
