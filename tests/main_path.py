"""The main line of a petition, task by task, as its people do it on one day.

Registration, transfer, an objection that is refused, acceptance, processing with an extension,
opinion, service, review, re-check with a hearing, termination (procedure.md P01–P16).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

TODAY = "today"
"""Stands for the day of the act in values."""
EXTENDED_FROM = "extended_from"
"""Stands for the legal due date of the clock that is extended."""


@dataclass(frozen=True)
class Act:
    """A task (or a message that is waited for) by its name in the diagram, and what decides it."""

    task: str
    values: dict[str, Any]

    def filled(self, today: date, due: Callable[[str], str]) -> dict[str, Any]:
        """The values with the words for dates replaced."""
        words = {TODAY: today.isoformat}
        words[EXTENDED_FROM] = lambda: due("handle")
        return {k: words[v]() if v in words else v for k, v in self.values.items()}


SERVED = {"delivery_result": "served", "delivery_mode": "direct", "delivery_receipt_on": TODAY}
MEMBERS = {f"hearing_members[{n}].member_name": f"听证员{n}" for n in range(1, 6)}

START = {
    "channel": "letter",
    "received_on": TODAY,
    "title": "反映征地补偿款未到位",
    "facts": "征地补偿款至今没有发放。",
    "petitioners[1].name": "李强",
    "petitioners[1].address": "东渠县河湾镇柳林村",
}

MAIN_PATH = (
    Act(
        "登记信访事项",
        {
            "channel": "letter",
            "identity": "clear",
            "urgency": "normal",
            "elements": "complete",
            "claims[1].request": "支付征地补偿款",
        },
    ),
    Act("甄别信访事项", {"category": "complaint", "screening_finding": "none"}),
    Act("审核甄别意见", {"screening_opinion": "agree"}),
    Act("拟定转送交办意见", {"handover": "transfer", "receiving_unit": "dq_zrzy"}),
    Act("审核转送交办意见", {"dispatch_opinion": "agree"}),
    Act("签收转交件", {"unit_received_on": TODAY, "transfer_result": "not_mine"}),
    Act("研究是否提异议", {"ownership": "object"}),
    Act("审核异议书", {"objection_opinion": "agree"}),
    Act("核实异议", {"verification": "refuse"}),
    Act("拟定受理意见", {"identity": "clear", "acceptance_finding": "own", "way": "none"}),
    Act("审核办理途径", {"legal_opinion": "agree"}),
    Act("决定是否受理", {"acceptance_opinion": "agree"}),
    Act("送达文书", SERVED),
    Act("批办并指定承办人", {}),
    Act("听取信访人陈述", {}),
    Act("调查核实", {}),
    Act(
        "申请延长办理期限",
        {
            "extension_days": 30,
            "extension_due_before": EXTENDED_FROM,
            "extension_reason": "需要委托测绘机构重新测量面积，尚未出具结果",
        },
    ),
    Act("审批延期申请", {"extension_decision": "approve"}),
    Act("送达文书", SERVED),
    Act(
        "拟写处理意见",
        {"claim_opinions[1].request": "支付征地补偿款", "claim_opinions[1].result": "reject"},
    ),
    Act("法制审核", {"legal_result": "agree"}),
    Act("签批处理意见", {"sign_result": "agree"}),
    Act("送达文书", SERVED),
    Act("收到复查申请", {"review_requested_on": TODAY}),
    Act("审查申请并调卷", {}),
    Act("移送案卷并答辩", {}),
    Act("拟写复查意见", {"review_result": "uphold"}),
    Act("签批复查意见", {"review_sign_result": "agree"}),
    Act("送达复查文书", SERVED),
    Act("收到复核申请", {"recheck_requested_on": TODAY}),
    Act("审查申请并调卷", {"recheck_hearing_held": True}),
    Act("移送复查案卷", {}),
    Act("确定听证并通知", {"hearing_started_on": TODAY, "hearing_on": TODAY, **MEMBERS}),
    Act("送达复核文书", SERVED),
    Act("举行听证并记录", {"hearing_outcome": "held"}),
    Act("作出听证结论", {"hearing_concluded_on": TODAY}),
    Act("拟写复核意见", {"recheck_result": "uphold"}),
    Act("签批复核意见", {"recheck_sign_result": "agree"}),
    Act("送达复核文书", SERVED),
    Act("提出终结意见", {"closing_ground": "recheck"}),
    Act("审定终结意见", {"closing_decision": "confirm"}),
    Act("送达文书", SERVED),
    Act("落实疏导和帮扶", {}),
)
