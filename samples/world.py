"""The little world of the samples: hosts, processes and what they do, before any log format.

All names are made up: the company is ``nordwind.example``, public addresses are those that
RFC 5737 and RFC 3849 set aside for documentation.
"""

from __future__ import annotations

import base64
import hashlib
import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

DAY = int(datetime(2026, 3, 12, tzinfo=UTC).timestamp()) * 1000  # a Thursday; milliseconds
DOMAIN = "NORDWIND"
WINDOWS = "Microsoft® Windows® Operating System"
DOTNET = "Microsoft® .NET Framework"
SYSTEM32 = "C:\\Windows\\System32\\"
FRAMEWORK = "C:\\Windows\\Microsoft.NET\\Framework64\\v4.0.30319\\"

# Executable → original file name, description, product, version. Others are unsigned strangers.
VERSIONS = {
    "WINWORD.EXE": ("WinWord.exe", "Microsoft Word", "Microsoft Office", "16.0.17328.20162"),
    "EXCEL.EXE": ("Excel.exe", "Microsoft Excel", "Microsoft Office", "16.0.17328.20162"),
    "OUTLOOK.EXE": ("Outlook.exe", "Microsoft Outlook", "Microsoft Office", "16.0.17328.20162"),
    "chrome.exe": ("chrome.exe", "Google Chrome", "Google Chrome", "134.0.6998.36"),
    "InstallUtil.exe": (
        "InstallUtil.exe",
        ".NET Framework installation utility",
        DOTNET,
        "4.8.9037.0",
    ),
    "csc.exe": ("csc.exe", "Visual C# Command Line Compiler", DOTNET, "4.8.9037.0"),
    "cvtres.exe": (
        "CVTRES.EXE",
        "Microsoft® Resource File To COFF Object",
        DOTNET,
        "14.10.25028.0",
    ),
    "mshta.exe": (
        "MSHTA.EXE",
        "Microsoft (R) HTML Application host",
        "Internet Explorer",
        "11.00.22621.1",
    ),
    "regsvr32.exe": ("REGSVR32.EXE", "Microsoft(C) Register Server", WINDOWS, "10.0.22621.1"),
    "powershell.exe": ("PowerShell.EXE", "Windows PowerShell", WINDOWS, "10.0.22621.3085"),
    "cmd.exe": ("Cmd.Exe", "Windows Command Processor", WINDOWS, "10.0.22621.1"),
    "whoami.exe": (
        "whoami.exe",
        "whoami - displays logged on user information",
        WINDOWS,
        "10.0.22621.1",
    ),
    "msiexec.exe": ("msiexec.exe", "Windows® installer", WINDOWS, "5.0.20348.1"),
    "patchagent.exe": ("patchagent.exe", "Kontor Patch Agent", "Kontor Patch", "7.2.1.0"),
    "tlmsvc.exe": ("InstallUtil.exe", ".NET Framework installation utility", DOTNET, "4.8.9037.0"),
    "devenv.exe": (
        "devenv.exe",
        "Microsoft Visual Studio",
        "Microsoft® Visual Studio®",
        "17.9.34714",
    ),
    "svchost.exe": ("svchost.exe", "Host Process for Windows Services", WINDOWS, "10.0.22621.1"),
    "explorer.exe": ("EXPLORER.EXE", "Windows Explorer", WINDOWS, "10.0.22621.3085"),
}  # fmt: skip - a table to read, a program a line


def at(clock: str) -> int:
    """Milliseconds since 1970 of "09:12:30" or "09:12:30.250" on the day."""
    hours, minutes, seconds = clock.split(":")
    return DAY + round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)


@dataclass(eq=False)
class Process:
    """One run of a program."""

    image: str
    command_line: str
    user: str  # "NORDWIND\\l.brandt"
    parent: Process | None
    pid: int
    start: int  # ms
    guid: str  # as Sysmon makes them: machine, start time, token
    entity_id: str  # as Elastic Defend makes them: base64 of agent, pid, start
    directory: str
    integrity: str
    hashes: dict[str, str]

    @property
    def name(self) -> str:
        return self.image.rpartition("\\")[2]

    @property
    def version(self) -> tuple[str, str, str, str]:
        plain = (self.name, self.name.removesuffix(".exe"), WINDOWS, "10.0.22621.1")
        return VERSIONS.get(self.name, plain)


@dataclass(eq=False)
class Record:
    """One thing an agent saw; ``facts`` are named as Sysmon names them."""

    kind: str  # "start", "end", "network", "dns", "file", "registry"
    time: int  # ms, when it happened
    created: int  # ms, when it was written
    process: Process
    facts: dict[str, str | int] = field(default_factory=dict)


class Host:
    """A machine, and the log that its agent writes."""

    def __init__(self, name: str, address: str, boot: str) -> None:
        self.name = name
        self.address = address
        self.random = random.Random(f"nordwind {name}")  # its own: hosts do not disturb each other
        self.machine = f"{self.random.getrandbits(32):08x}"
        self.agent = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        self.sid = f"S-1-5-21-{self.random.getrandbits(31)}-{self.random.getrandbits(31)}-"
        self.records: list[Record] = []
        self._token = 0x3E7
        self._boot(at(boot))

    @property
    def fqdn(self) -> str:
        return f"{self.name}.nordwind.example"

    def sid_of(self, user: str) -> str:
        """The security id of an account: the same name, the same id."""
        if "\\SYSTEM" in user:
            return "S-1-5-18"
        if "NETWORK SERVICE" in user:
            return "S-1-5-20"
        return self.sid + str(1100 + sum(user.encode()) % 800)

    def hive_of(self, user: str) -> str:
        """Where the registry keeps the settings of an account."""
        return f"HKU\\{self.sid_of(user)}"

    def _boot(self, boot: int) -> None:
        system = "NT AUTHORITY\\SYSTEM"
        self.smss = self.start(
            boot, SYSTEM32 + "smss.exe", "\\SystemRoot\\System32\\smss.exe", None, system
        )
        wininit = self.start(boot + 900, SYSTEM32 + "wininit.exe", "wininit.exe", self.smss)
        self.services = self.start(
            boot + 1400, SYSTEM32 + "services.exe", f"{SYSTEM32}services.exe", wininit
        )
        self.start(boot + 1450, SYSTEM32 + "lsass.exe", f"{SYSTEM32}lsass.exe", wininit)
        self.dcom = self.service(boot + 2100, "DcomLaunch -p")
        self.schedule = self.service(boot + 2600, "netsvcs -p -s Schedule")
        self.dns_client = self.service(
            boot + 2900, "NetworkService -p -s Dnscache", "NT AUTHORITY\\NETWORK SERVICE"
        )
        self.update = self.service(boot + 3300, "netsvcs -p -s wuauserv")
        self.winlogon = self.start(
            boot + 3500, SYSTEM32 + "winlogon.exe", "winlogon.exe", self.smss
        )

    def service(self, time: int, group: str, user: str = "NT AUTHORITY\\SYSTEM") -> Process:
        image = SYSTEM32 + "svchost.exe"
        return self.start(time, image, f"{image} -k {group}", self.services, user)

    def logon(self, clock: str, user: str) -> Process:
        """A person logs on; returns their explorer."""
        time = at(clock)
        account = f"{DOMAIN}\\{user}"
        init = self.start(
            time, SYSTEM32 + "userinit.exe", f"{SYSTEM32}userinit.exe", self.winlogon, account
        )
        shell = self.start(
            time + 700, "C:\\Windows\\explorer.exe", "C:\\Windows\\Explorer.EXE", init, account
        )
        self.end(init, time + 5200)
        return shell

    def start(
        self,
        time: int,
        image: str,
        command_line: str,
        parent: Process | None,
        user: str = "",
        directory: str = "C:\\Windows\\system32\\",
        late: int = 0,
    ) -> Process:
        """A process starts; ``late`` ms go by before it is in the log."""
        self._token += self.random.randrange(0x40, 0x4000)
        pid = self.random.randrange(400, 16000) & ~3
        seconds = time // 1000
        name = image.rpartition("\\")[2]
        account = user or (parent.user if parent else "NT AUTHORITY\\SYSTEM")
        filetime = (time + 11_644_473_600_000) * 10_000
        process = Process(
            image=image,
            command_line=command_line,
            user=account,
            parent=parent,
            pid=pid,
            start=time,
            guid=(
                f"{{{self.machine}-{seconds & 0xFFFF:04x}-{seconds >> 16:04x}-"
                f"{self._token & 0xFFFF:04x}-{self._token >> 16:08x}0300}}"
            ),
            entity_id=base64.b64encode(f"{self.agent}-{pid}-{filetime}".encode()).decode(),
            directory=directory,
            integrity="System" if account.startswith("NT ") else "Medium",
            hashes=hashes(known[0] if (known := VERSIONS.get(name)) else image),
        )
        self.log("start", time, process, late=late or self.random.randrange(3, 30))
        return process

    def end(self, process: Process, time: int) -> None:
        self.log("end", time, process)

    def run(
        self, time: int, image: str, command_line: str, parent: Process, seconds: float
    ) -> Process:
        """A process that ends by itself after so many seconds."""
        process = self.start(time, image, command_line, parent)
        self.end(process, time + round(seconds * 1000))
        return process

    def connect(
        self,
        time: int,
        process: Process,
        address: str,
        port: int,
        *,
        domain: str = "",
        late: int = 0,
        udp: bool = False,
    ) -> None:
        """An outbound connection, written about a second later, as Sysmon does."""
        wide = ":" in address
        self.log(
            "network",
            time,
            process,
            late=late or self.random.randrange(300, 1300),
            Protocol="udp" if udp else "tcp",
            SourceIp="2001:db8:20::" + self.address.rpartition(".")[2] if wide else self.address,
            SourcePort=self.random.randrange(49152, 65535),
            DestinationIp=address,
            DestinationHostname=domain,
            DestinationPort=port,
        )

    def look_up(self, time: int, process: Process, name: str, *answers: str) -> None:
        self.log("dns", time, process, QueryName=name, QueryResults=";".join(answers))

    def write(self, time: int, process: Process, path: str) -> None:
        self.log("file", time, process, TargetFilename=path)

    def set_value(self, time: int, process: Process, key: str, value: str) -> None:
        self.log("registry", time, process, TargetObject=key, Details=value)

    def log(
        self, kind: str, time: int, process: Process, late: int = 0, **facts: str | int
    ) -> None:
        created = time + (late or self.random.randrange(3, 40))
        self.records.append(Record(kind, time, created, process, facts))

    def ordered(self) -> list[Record]:
        """The records in the order in which they were written."""
        return sorted(self.records, key=lambda record: record.created)


def hashes(of: str) -> dict[str, str]:
    """Hashes of a program that does not exist: the same program, the same, whatever its name."""
    body = f"sample {of.lower()}".encode()
    return {
        "md5": hashlib.md5(body, usedforsecurity=False).hexdigest(),
        "sha256": hashlib.sha256(body).hexdigest(),
        "imphash": hashlib.md5(body + b"imports", usedforsecurity=False).hexdigest(),
    }
