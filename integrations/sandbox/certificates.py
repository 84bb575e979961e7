"""Certificates of the stand-ins, made once and kept in private files."""

from collections.abc import Callable, Mapping
from pathlib import Path

import trustme

from integrations.private_files import write_private

Issue = Callable[[trustme.CA], trustme.LeafCert]


def keep_certificates(folder: Path, owner: str, authority: str, issued: Mapping[str, Issue]) -> None:
    """Make an authority's certificate and the certificates that it issues, unless all of their files are there.

    The authority's key is not kept, so a missing file means that all are made again.
    """
    if all((folder / name).exists() for name in (authority, *issued)):
        return
    made = trustme.CA(organization_name=owner)
    write_private(folder / authority, made.cert_pem.bytes())
    for name, issue in issued.items():
        write_private(folder / name, issue(made).private_key_and_cert_chain_pem.bytes())
