"""Facts worked out from other fields: arguments, names of files, addresses, domains, flows."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from functools import lru_cache
from ipaddress import ip_address

_IP_PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58, "sctp": 132}
# What stands for itself: backslashes, too, but for those before a quote.
_PLAIN = re.compile(r'(?:[^\\" \t]++|\\++(?!"))++')
_QUOTED = re.compile(r'(?:[^\\"]++|\\++(?!"))++')
_REMEMBERED = 512  # characters of a command line, at most, whose words are kept in memory
_MAX_NAME = 254  # characters of a domain name, with its last dot

# Suffixes of several labels under which anybody may register: countries' own, then those of hosters
# that log analysts meet. The whole public suffix list is some 9,000 rules and changes weekly; a
# name under a suffix that is missing here gets that suffix as its registered domain.
_COUNTRY_SECOND = {"ac", "co", "com", "edu", "gob", "gov", "gouv", "mil", "ne", "net", "or", "org"}
_SUFFIXES = frozenset({
    "asso.fr", "go.jp", "ad.jp", "ed.jp", "go.kr", "re.kr", "me.uk", "ltd.uk", "plc.uk",
    "nhs.uk", "police.uk", "sch.uk", "id.au", "asn.au", "gen.nz", "geek.nz", "school.nz",
    "iwi.nz", "maori.nz", "nom.br", "art.br", "eng.br", "adv.br", "ind.br", "inf.br", "gen.in",
    "firm.in", "ind.in", "nic.in", "res.in", "web.za", "nom.za", "law.za", "info.tr", "web.tr",
    "gen.tr", "k12.tr", "muni.il", "idv.tw", "game.tw", "club.tw", "in.th", "go.th", "web.id",
    "sch.id", "go.id", "my.id", "biz.id", "azurewebsites.net", "cloudapp.net",
    "cloudfront.net", "trafficmanager.net", "s3.amazonaws.com", "elasticbeanstalk.com",
    "github.io", "gitlab.io", "herokuapp.com", "appspot.com", "web.app", "firebaseapp.com",
    "blogspot.com", "workers.dev", "pages.dev", "vercel.app", "netlify.app", "onrender.com",
    "ngrok.io", "duckdns.org", "ddns.net", "hopto.org", "no-ip.org", "dyndns.org",
    "freetls.fastly.net", "global.ssl.fastly.net", "a.ssl.fastly.net", "b.ssl.fastly.net",
    "map.fastly.net",
})  # fmt: skip


def arguments(command_line: str) -> list[str]:
    """The words of a Windows command line, as ``CommandLineToArgvW`` cuts them.

    Blanks and tabs part words outside quotes; 2n backslashes before a quote are n, 2n+1 are n and
    a literal quote; two quotes inside quotes are a literal one. Linear in the text's length.
    """
    if len(command_line) > _REMEMBERED:
        return _words(command_line)
    return _remembered_words(command_line).copy()


@lru_cache(maxsize=4096)  # the same programs start again and again, and have children
def _remembered_words(command_line: str) -> list[str]:
    return _words(command_line)


def _words(command_line: str) -> list[str]:
    if '"' not in command_line:
        return [word for word in command_line.replace("\t", " ").split(" ") if word]
    words: list[str] = []
    word: list[str] = []
    started = quoted = False
    at, end = 0, len(command_line)
    while at < end:
        plain = (_QUOTED if quoted else _PLAIN).match(command_line, at)
        if plain is not None:
            word.append(plain[0])
            started = True
            at = plain.end()
            continue
        char = command_line[at]
        if char == "\\":  # some of them, and behind them a quote
            quote = command_line.index('"', at)
            count = quote - at
            word.append("\\" * (count // 2))
            started = True
            at = quote
            if count % 2:
                word.append('"')
                at += 1
            continue
        if char == '"':
            started = True
            if quoted and command_line[at + 1 : at + 2] == '"':
                word.append('"')
                at += 1
            quoted = not quoted
        elif started:  # a blank or tab outside quotes
            words.append("".join(word))
            word, started = [], False
        at += 1
    if started:
        words.append("".join(word))
    return words


def file_of(path: str) -> dict[str, str]:
    """``file.path`` of a Windows path, and the name, directory and extension that it has."""
    file = {"path": path}
    if "\\" in path:
        directory, _, name = path.rpartition("\\")
        if name:
            file["name"] = name
        if directory:
            file["directory"] = directory
        # The last dot of the whole path, as upstream has it.
        if "." in path and (extension := path.rpartition(".")[2]):
            file["extension"] = extension
    return file


def is_ip(text: str) -> bool:
    """Whether a text is an IP address."""
    return _packed(text) is not None


@lru_cache(maxsize=4096)  # the same addresses come again and again
def _packed(text: str) -> bytes | None:
    """An IP address in network order; None where it is none."""
    try:
        return ip_address(text).packed
    except ValueError:
        return None


def address(text: str) -> str:
    """The IP address in a text, without the prefix of one of version 4 in one of 6; else ""."""
    bare = text.strip().removeprefix("::ffff:").removeprefix("::FFFF:")
    return bare if is_ip(bare) else ""


def domain_parts(name: str) -> tuple[str, str, str] | None:
    """(registered domain, subdomain, top-level domain) of a host name; None where it has none.

    A suffix is the last label, or one of a short list of longer ones (see the comment at it).
    "files.example.co.uk" is ("example.co.uk", "files", "co.uk").
    """
    return _domain_parts(name) if len(name) <= _MAX_NAME else None


@lru_cache(maxsize=4096)
def _domain_parts(name: str) -> tuple[str, str, str] | None:
    labels = name.strip(".").lower().split(".")
    if len(labels) < 2 or not all(labels) or labels[-1].isdigit() or ":" in name:
        return None
    suffix = 1
    if len(labels[-1]) == 2 and labels[-2] in _COUNTRY_SECOND:
        suffix = 2
    for length in (2, 3, 4):
        if ".".join(labels[-length:]) in _SUFFIXES:
            suffix = length
    if suffix >= len(labels):
        return None
    cut = len(labels) - suffix
    return ".".join(labels[cut - 1 :]), ".".join(labels[: cut - 1]), ".".join(labels[cut:])


def community_id(
    source: str, source_port: int, destination: str, destination_port: int, transport: str
) -> str | None:
    """Community ID version 1, seed 0, of a flow with ports; None where it has no such id.

    "1:" and the base64 of SHA-1 over seed, both addresses, protocol, a zero byte and both ports
    in network order, the smaller end point first, so that both directions share one id.
    """
    protocol = _IP_PROTOCOLS.get(transport.lower())
    one, two = _packed(source), _packed(destination)
    if protocol is None or one is None or two is None or len(one) != len(two):
        return None
    low, high = sorted(((one, source_port), (two, destination_port)))
    try:
        ports = struct.pack(">HH", low[1], high[1])
    except struct.error:
        return None
    body = b"\x00\x00" + low[0] + high[0] + bytes((protocol, 0)) + ports
    return "1:" + base64.b64encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()
