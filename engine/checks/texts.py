"""The rules of the gate in words: what is wrong, what to do; Chinese first, for analysts.

What the FEEL compiler, the form and table readers and libxml2 say stands in `{detail}` as they say
it, in English.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from engine.messages import Lang


class Rule(NamedTuple):
    group: str
    severity: str
    zh: tuple[str, str]
    en: tuple[str, str]

    def text(self, lang: Lang) -> tuple[str, str]:
        """What is wrong and what to do, with blanks."""
        return self.zh if lang == "zh" else self.en


def _error(zh: str, zh_do: str, en: str, en_do: str) -> Rule:
    return Rule("engine", "error", (zh, zh_do), (en, en_do))


def _warning(zh: str, zh_do: str, en: str, en_do: str) -> Rule:
    return Rule("engine", "warning", (zh, zh_do), (en, en_do))


def _law(zh: str, zh_do: str, en: str, en_do: str) -> Rule:
    return Rule("law", "error", (zh, zh_do), (en, en_do))


_FILES = {
    "too_large": _error(
        "{what}有 {found}，超过上限 {most}。", "拆成几个较小的，用调用活动接上。",
        "{what}: found {found}, at most {most} are taken.", "Split it, joined by call activities.",
    ),
    "schema": _error(
        "第 {line} 行不符合 BPMN 的结构：{detail}", "用流程图编辑器重新导出这个文件。",
        "Line {line} breaks BPMN's schema: {detail}", "Export the file again from a BPMN editor.",
    ),
    "process_missing": _error(
        "文件里没有流程。", "画一个流程，或者删去这个文件。",
        "The file holds no process.", "Draw one, or remove the file.",
    ),
    "unsupported": _error(
        "引擎不执行 {tag}。", "请改用：{instead}。",
        "The engine does not run {tag}.", "Use {instead}.",
    ),
    "attribute": _error(
        "属性 {attribute}=“{value}”在这里不起作用。", "去掉这个属性。",
        "The attribute {attribute}=«{value}» has no effect here.", "Remove it.",
    ),
    "script": _error(
        "“{name}”带有 {tag}，引擎不执行程序。", "去掉它；要计算的写成 FEEL 或者决策表。",
        "«{name}» carries {tag}; the engine runs no code.", "Remove it; use FEEL or a table.",
    ),
    "letter_template": _error(
        "文书样式有错：{detail}", "改正样式中的 Jinja 写法。",
        "The letter's template is faulty: {detail}", "Correct its Jinja.",
    ),
    "shared": _error(
        "公用目录 {what} 读不出来：{detail}", "改正或者补上这个文件。",
        "The shared file {what} cannot be read: {detail}", "Correct or add the file.",
    ),
}  # fmt: skip

_IDS = {
    "id_twice": _error(
        "id“{id}”已经用在 {other}。", "换一个全库唯一的 id。",
        "The id «{id}» is already used in {other}.", "Give it an id unique in the library.",
    ),
    "id_reserved": _error(
        "id“{id}”是引擎自用的名称。", "换一个 id，例如 {process}_{id}。",
        "The id «{id}» is one of the engine's own names.",
        "Rename it, for instance {process}_{id}.",
    ),
    "name_missing": _error(
        "元素 {id} 没有名称，办理的人看不出要做什么。", "写上名称。",
        "The element {id} has no name; nobody can tell what it is.", "Name it.",
    ),
    "choice_name_missing": _warning(
        "网关 {id} 没有名称，看不出在判断什么。", "用问句写上名称。",
        "The gateway {id} has no name; what it decides cannot be seen.", "Name it with a question.",
    ),
    "property_unknown": _error(
        "“{name}”有不认识的属性“{property}”。", "对照 processes/README.md 第二节改正。",
        "«{name}» has the unknown property «{property}».", "See processes/README.md, part 2.",
    ),
    "property_place": _error(
        "属性“{property}”写在“{name}”（{kind}）上不起作用。", "移到能用它的元素上。",
        "The property «{property}» has no effect on «{name}» ({kind}).", "Move it where it has.",
    ),
    "property_alone": _error(
        "“{name}”写了“{property}”，却没有写“{needed}”。", "两个一起写，或者都去掉。",
        "«{name}» has «{property}» but no «{needed}».", "Write both or neither.",
    ),
}  # fmt: skip

_STRUCTURE = {
    "start_count": _error(
        "流程“{process}”有 {found} 个开始事件，应当有一个。", "保留一个开始事件。",
        "The process «{process}» has {found} start events; expected one.", "Keep one.",
    ),
    "end_missing": _error(
        "流程“{process}”没有结束事件。", "画上结束事件。",
        "The process «{process}» has no end event.", "Draw one.",
    ),
    "event_kind": _error(
        "事件“{name}”的定义是 {found}，这里应当是 {expected}。", "换成可用的事件。",
        "The event «{name}» is defined by {found}; expected {expected}.", "Use such an event.",
    ),
    "boundary_host": _error(
        "边界事件“{name}”没有附在用户任务或者调用活动上。", "移到用户任务或者调用活动的边上。",
        "The boundary event «{name}» sits on no user task or call activity.", "Attach it to one.",
    ),
    "flow_ends": _error(
        "顺序流 {id} 的一端不是本流程的元素。", "把它接到元素上。",
        "The sequence flow {id} ends at no element of this process.", "Connect it.",
    ),
    "dangling_in": _error(
        "没有顺序流通到“{name}”。", "接上一条入线，或者删去这个元素。",
        "No sequence flow leads to «{name}».", "Connect it or remove it.",
    ),
    "dangling_out": _error(
        "“{name}”没有出线。", "接上出线；到此为止的，接到结束事件。",
        "No sequence flow leaves «{name}».", "Connect it onwards or to an end event.",
    ),
    "flow_into_start": _error(
        "有顺序流通到“{name}”，这里不能有入线。", "接到它后面的元素上。",
        "A sequence flow leads into «{name}», which takes none.", "Connect it to what follows.",
    ),
    "flow_out_of_end": _error(
        "结束事件“{name}”有出线。", "删去出线，或者换成别的元素。",
        "A sequence flow leaves the end event «{name}».", "Remove it.",
    ),
    "several_outgoing": _error(
        "“{name}”有 {found} 条出线。", "在它后面画一个网关来分支。",
        "«{name}» has {found} outgoing flows.", "Draw a gateway behind it.",
    ),
    "unreachable": _error(
        "从开始事件走不到“{name}”。", "接上通到它的路，或者删去它。",
        "«{name}» cannot be reached from the start event.", "Connect it or remove it.",
    ),
    "no_way_out": _error(
        "从“{name}”走不到任何结束事件。", "画出通向结束事件的路。",
        "No way leads from «{name}» to an end event.", "Draw one.",
    ),
    "default_missing": _error(
        "网关“{name}”没有默认出线，条件都不成立时案件会停住。", "把一条出线设为默认。",
        "The gateway «{name}» has no default flow; a case stops when no condition holds.",
        "Make one of its flows the default.",
    ),
    "default_foreign": _error(
        "“{name}”的默认出线 {flow} 不是它的出线。", "从它的出线里选一条作默认。",
        "The default flow {flow} of «{name}» does not leave it.", "Choose one that does.",
    ),
    "condition_missing": _error(
        "网关“{name}”的出线 {flow} 没有条件。", "写上 FEEL 条件，或者设为默认。",
        "The flow {flow} of the gateway «{name}» has no condition.", "Write one in FEEL.",
    ),
    "condition_ignored": _error(
        "顺序流 {flow} 的条件不起作用。", "去掉条件，或者改由排他、包容网关分支。",
        "The condition of the flow {flow} has no effect.", "Remove it, or branch at a gateway.",
    ),
    "event_gateway_target": _error(
        "事件网关“{name}”后面的“{target}”不是单独接它的中间捕获事件。",
        "事件网关的每条出线直接接一个时间或者消息事件。",
        "«{target}» behind the event-based gateway «{name}» is no catch event of its own.",
        "Lead each flow to one timer or message event.",
    ),
    "event_gateway_few": _error(
        "事件网关“{name}”只有 {found} 条出线。", "至少两条；只等一件事的，去掉网关。",
        "The event-based gateway «{name}» has {found} outgoing flows.", "Draw two, or drop it.",
    ),
    "event_gateway_timers": _error(
        "事件网关“{name}”后面有 {found} 个时间事件，只会发生一个。", "只留一个时间事件。",
        "{found} timers follow the event-based gateway «{name}»; only one would fire.", "Keep one.",
    ),
    "message_twice": _error(
        "有几个事件同时等消息“{message}”（{others}），不知道给谁。", "改成不同的消息或者对应键。",
        "Several events wait for «{message}» at once ({others}).", "Use other messages or keys.",
    ),
    "gateway_useless": _warning(
        "网关“{name}”只有一条入线和一条出线。", "去掉它。",
        "The gateway «{name}» has one flow in and one out.", "Remove it.",
    ),
    "join_stuck": _error(
        "并行汇合“{name}”可能永远等不齐（走到那里时只有：{found}）。",
        "让汇合的每条入线都来自同一次并行分支；择一的路用排他网关汇合。",
        "The parallel join «{name}» may wait for ever (only {found} arrive).",
        "Let all its flows come from one parallel split; join alternatives exclusively.",
    ),
    "merge_twice": _error(
        "并行的分支没有汇合，“{name}”会执行两次。", "先用并行网关汇合，再接到这里。",
        "Parallel branches are not joined: «{name}» would run twice.", "Join them before it.",
    ),
    "too_many_ways": _error(
        "流程“{process}”可走的路太多，检查不完。", "把一段另成一个图，用调用活动接上。",
        "The process «{process}» has too many ways to check.", "Move a part to another diagram.",
    ),
    "loop_automatic": _error(
        "这一圈没有用户任务，也不等待（过去了的日期不用等）：{names}。",
        "在圈里画用户任务、消息事件或者写时长（P3D）的时间事件。",
        "This loop never asks or waits, as a date that is past does not: {names}.",
        "Draw a user task, a message or a timer with a duration (P3D) into it.",
    ),
}  # fmt: skip

_EVENTS = {
    "timer_missing": _error(
        "时间事件“{name}”没有写时间。", "写日期、时长（P3D）或者 FEEL，例如 due(\"handle\")。",
        "The timer «{name}» has no time.", "Write a date, P3D, or FEEL such as due(\"handle\").",
    ),
    "timer_value": _error(
        "时间事件“{name}”的“{text}”得到 {found}，不是日期或者天、时、分的时长。",
        "写 2026-01-01、P3D，或者得出日期的 FEEL；不写引号，月和年换成天。",
        "The timer «{name}»: «{text}» gives {found}, no date or duration of days and hours.",
        "Write 2026-01-01, P3D, or FEEL giving a date; without quotes, in days.",
    ),
    "message_missing": _error(
        "消息事件“{name}”没有指明有名称的消息。", "给它选一个有名称的消息。",
        "The message event «{name}» refers to no message with a name.", "Choose one.",
    ),
    "multi_instance": _error(
        "多实例“{name}”{detail}。", "按 processes/README.md 第三节写：并行，指明一个列表变量。",
        "The multi-instance «{name}»: {detail}.", "Make it parallel over one list variable.",
    ),
    "multi_instance_list": _error(
        "多实例“{name}”的“{list}”是单个的值，不是列表。", "改用 checklist 字段，或者别的列表变量。",
        "«{list}» of the multi-instance «{name}» is one value, no list.", "Use a list variable.",
    ),
}  # fmt: skip

_PEOPLE = {
    "lane_name": _error(
        "分道 {id} 没有名称。", "写上岗位或者机关的名称。",
        "The lane {id} has no name.", "Name the role or organ.",
    ),
    "lane_missing": _error(
        "“{name}”不在任何分道里。", "放进办理它的岗位的分道。",
        "«{name}» lies in no lane.", "Move it into the lane of its role.",
    ),
    "lane_twice": _error(
        "“{name}”同时在几条分道里。", "只放进一条分道。",
        "«{name}» lies in several lanes.", "Leave it in one.",
    ),
    "role_missing": _error(
        "“{name}”没有写明{what}。", "在它的分道上写 role 和 organisation。",
        "«{name}» says no {what}.", "Write role and organisation on its lane.",
    ),
    "role_unknown": _error(
        "“{name}”的岗位“{role}”不在 roles.json 里。", "用岗位目录里的：{known}。",
        "The role «{role}» of «{name}» is not in roles.json.", "Use one of {known}.",
    ),
    "organisation_unknown": _error(
        "“{name}”的机关代号“{key}”不在 organisations.json 里。", "用：{known}。",
        "The organisation «{key}» of «{name}» is not in organisations.json.", "Use one of {known}.",
    ),
    "organisation_unset": _error(
        "“{name}”的机关代号“{key}”没有表单选定，也推不出来。",
        "在前面的表单里加一个 organisation=“{key}”的选项。",
        "No form settles the organisation «{key}» of «{name}».", "Add such a field to a form.",
    ),
    "item_alone": _error(
        "“{name}”的机关是 item，但它不是多实例，也不由多实例调用。",
        "改写机关代号，或者改成多实例。",
        "«{name}» belongs to item but is no multi-instance and not called by one.", "Correct one.",
    ),
    "recipient": _error(
        "“{name}”通知的“{recipient}”写得不对。", "写“岗位@机关代号”或者 petitioner。",
        "«{name}» notifies «{recipient}».", "Write role@organisation or petitioner.",
    ),
    "text_place": _error(
        "“{name}”的文字里“{{{place}}}”没有值可填。",
        "写案卷的 key、变量、case_no；due 要同时写 clock。",
        "The place {{{place}}} in the text of «{name}» has no value.",
        "Use a key, a variable, case_no; due needs clock.",
    ),
}  # fmt: skip

_REFERENCES = {
    "form_unknown": _error(
        "“{name}”的表单“{form}”不在这个文件夹里。", "建这个表单，或者改正 id。",
        "The form «{form}» of «{name}» is not in this folder.", "Draw it or correct the id.",
    ),
    "form_unused": _warning(
        "没有元素用表单“{form}”。", "用上它，或者删去。",
        "No element uses the form «{form}».", "Use or remove it.",
    ),
    "decision_unknown": _error(
        "“{name}”的决策“{decision}”不在这个文件夹里。", "建这张决策表，或者改正 calledDecisionId。",
        "The decision «{decision}» of «{name}» is not in this folder.", "Add it or correct the id.",
    ),
    "decision_unused": _warning(
        "没有业务规则任务用决策“{decision}”。", "用上它，或者删去。",
        "No business rule task uses the decision «{decision}».", "Use or remove it.",
    ),
    "letter_unused": _warning(
        "没有元素形成文书“{document}”，它的样式用不上。",
        "在形成它的元素上写 document，或者删去样式。",
        "No element makes the document «{document}» of this letter.",
        "Write `document`, or remove it.",
    ),
    "letter_missing": _warning(
        "“{name}”形成的文书“{document}”没有样式。", "写 letters/{document}.html。",
        "The document «{document}» of «{name}» has no letter.", "Write letters/{document}.html.",
    ),
    "document_unknown": _error(
        "“{name}”的文书编号“{document}”不在 documents.json 里。", "用目录里的编号。",
        "The document «{document}» of «{name}» is not in documents.json.", "Use one that is.",
    ),
    "status_unknown": _error(
        "“{name}”的状态“{status}”不在 codes.json 的 status 里。", "用目录里的状态代码。",
        "The status «{status}» of «{name}» is not in codes.json.", "Use one that is.",
    ),
    "clock_unknown": _error(
        "“{name}”用到的时限“{clock}”不在 clocks.json 里。", "用目录里的时限 id。",
        "The clock «{clock}» of «{name}» is not in clocks.json.", "Use one that is.",
    ),
    "clock_length": _error(
        "时限“{clock}”没有固定天数，“{name}”也没有给出。", "写 clockLength。",
        "The clock «{clock}» has no length and «{name}» gives none.", "Write clockLength.",
    ),
    "clock_fixed": _error(
        "“{name}”对时限“{clock}”{what}，但规定不允许。", "对照 clocks.json 改正。",
        "«{name}» would {what} the clock «{clock}», which its rule forbids.", "See clocks.json.",
    ),
    "call_unknown": _error(
        "“{name}”调用的流程“{process}”不存在。", "改正 calledElement。",
        "The process «{process}» that «{name}» calls does not exist.", "Correct calledElement.",
    ),
    "call_cycle": _error(
        "“{name}”调用“{process}”，绕回了自己：{circle}。",
        "去掉一处调用；要重来的画成流程图里的回线。",
        "«{name}» calls «{process}», which comes back to itself: {circle}.", "Remove a call.",
    ),
    "call_input": _error(
        "被调用的“{process}”要用“{variable}”，“{name}”没有传入。", "在 inputs 里写上。",
        "«{process}» reads «{variable}», which «{name}» does not pass.", "Add it to inputs.",
    ),
    "process_unused": _warning(
        "流程“{process}”没有被调用，开始事件也没有表单。", "接上它，或者给开始事件写 form。",
        "The process «{process}» is not called and its start event has no form.", "Use it.",
    ),
    "options_unknown": _error(
        "字段“{field}”的选项“{source}”没有来处。", "用 codes.json 里的目录。",
        "The options «{source}» of the field «{field}» do not exist.", "Use a table of codes.json.",
    ),
    "prefill_unknown": _error(
        "字段“{field}”预填的“{source}”不是任何表单的列表。", "写案卷中列表的 key。",
        "The field «{field}» prefills from «{source}», no list of any form.", "Write a list's key.",
    ),
}  # fmt: skip

_FEEL = {
    "feel": _error(
        "“{where}”的“{text}”不是 FEEL：{detail}", "按 FEEL 改写（engine/expressions/README.md）。",
        "«{text}» in «{where}» is no FEEL: {detail}", "See engine/expressions/README.md.",
    ),
    "feel_function": _error(
        "“{where}”的“{text}”用了没有的函数 {function}。", "用 FEEL 的函数或者第六节的时限函数。",
        "«{text}» in «{where}» calls {function}, which does not exist.", "Use one that does.",
    ),
    "feel_arguments": _error(
        "“{where}”的“{text}”给函数 {function} 的参数个数不对。",
        "按 processes/README.md 第六节写。",
        "«{text}» in «{where}» gives {function} the wrong number of arguments.", "See part 6.",
    ),
    "variable_name": _error(
        "“{name}”传递的“{variable}”不能作变量名。",
        "写成字母或者汉字开头的一个词，例如 accepted_on。",
        "«{name}» passes «{variable}», which is no name for a variable.",
        "Write one word that begins with a letter, such as accepted_on.",
    ),
    "feel_name": _error(
        "“{where}”的“{text}”用到“{variable}”，没有表单、决策或者调用给它值。",
        "改正名称；要决定走向的字段在表单里标 routing。文字要加引号。",
        "«{text}» in «{where}» reads «{variable}», which nothing sets.",
        "Correct the name, mark the field `routing`, or put texts in quotation marks.",
    ),
    "feel_clock": _error(
        "“{where}”的“{text}”用到的时限“{clock}”不在 clocks.json 里。", "用目录里的时限 id。",
        "«{text}» in «{where}» names the clock «{clock}», not in clocks.json.", "Use one that is.",
    ),
}  # fmt: skip

_LAW = {
    "legal_basis": _law(
        "“{name}”没有写依据。", "写 legalBasis；没有条文的写明理由，例如“内部管理：……”。",
        "«{name}» names no legal basis.", "Write legalBasis: the article, or why there is none.",
    ),
}  # fmt: skip

RULES: Mapping[str, Rule] = {
    **_FILES, **_IDS, **_STRUCTURE, **_EVENTS, **_PEOPLE, **_REFERENCES, **_FEEL, **_LAW,
}  # fmt: skip
