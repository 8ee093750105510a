"""Reading XML that somebody uploads: no DOCTYPE, no entities, no network."""

from __future__ import annotations

from typing import Any

from lxml import etree

from engine.errors import InvalidDefinition, Problem

MAX_XML = 2_000_000
"""Bytes of a file."""


def read_xml(data: bytes) -> etree._Element:
    """The document's root, without comments and processing instructions.

    Raises InvalidDefinition for what is too large, not well-formed, or declares a DOCTYPE.
    """
    if len(data) > MAX_XML:
        raise _refused(f"The file has {len(data)} bytes, more than {MAX_XML}.", "Split the file.")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise _refused(f"The file is no well-formed XML: {error}.", "Export it again.") from None
    docinfo: Any = root.getroottree().docinfo
    if docinfo.doctype:
        raise _refused("The file declares a DOCTYPE.", "Remove the DOCTYPE and its entities.")
    return root


def _refused(message: str, remedy: str) -> InvalidDefinition:
    return InvalidDefinition([Problem("xml", None, message, remedy)])
