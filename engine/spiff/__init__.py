"""The only adapter to SpiffWorkflow: parse, step, dump, load.

SpiffWorkflow gives the BPMN parser, the graph of task specs and the task states. This package
runs them as flat tokens over one set of variables per instance, so that the cost of a step and
the size of the state depend on what is open, not on the case's age (engine/DECISIONS.md).
"""

from engine.spiff.instance import Change, Host, Instance
from engine.spiff.parser import (
    BPMN,
    ISO_LITERAL,
    NS,
    UNSUPPORTED,
    Element,
    Process,
    parse_processes,
    read_elements,
    schema_faults,
)

__all__ = [
    "BPMN",
    "ISO_LITERAL",
    "NS",
    "UNSUPPORTED",
    "Change",
    "Element",
    "Host",
    "Instance",
    "Process",
    "parse_processes",
    "read_elements",
    "schema_faults",
]
