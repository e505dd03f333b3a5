"""What Sysmon's numbers and words mean: its events as ECS categories, hives, DNS types and states.

Facts of Elastic's ingest pipelines; where their versions differ the values are those of the
Windows integration 1.24.
"""

from __future__ import annotations

# event id: (event.category, event.type, event.action)
EVENTS: dict[str, tuple[list[str], list[str], str]] = {
    "1": (["process"], ["start"], "Process creation"),
    "2": (["file"], ["change"], "A process changed a file creation time"),
    "3": (["network"], ["start", "connection", "protocol"], "Network connection"),
    "4": (["process"], ["change"], "Sysmon service state changed"),
    "5": (["process"], ["end"], "Process terminated"),
    "6": (["driver"], ["start"], "Driver loaded"),
    "7": (["process"], ["change"], "Image loaded"),
    "8": (["process"], ["change"], "CreateRemoteThread"),
    "9": (["process"], ["access"], "RawAccessRead"),
    "10": (["process"], ["access"], "ProcessAccess"),
    "11": (["file"], ["creation"], "FileCreate"),
    "12": (["configuration", "registry"], ["change"], "RegistryEvent (Object create and delete)"),
    "13": (["configuration", "registry"], ["change"], "RegistryEvent (Value Set)"),
    "14": (["configuration", "registry"], ["change"], "RegistryEvent (Key and Value Rename)"),
    "15": (["file"], ["access"], "FileCreateStreamHash"),
    "16": (["configuration"], ["change"], "ServiceConfigurationChange"),
    "17": (["file"], ["creation"], "PipeEvent (Pipe Created)"),
    "18": (["file"], ["access"], "PipeEvent (Pipe Connected)"),
    "19": (["process"], ["creation"], "WmiEvent (WmiEventFilter activity detected)"),
    "20": (["process"], ["creation"], "WmiEvent (WmiEventConsumer activity detected)"),
    "21": (["process"], ["access"], "WmiEvent (WmiEventConsumerToFilter activity detected)"),
    "22": (["network"], ["connection", "protocol", "info"], "DNSEvent (DNS query)"),
    "23": (["file"], ["deletion"], "FileDelete (File Delete archived)"),
    "24": ([], ["change"], "ClipboardChange (New content in the clipboard)"),
    "25": (["process"], ["change"], "ProcessTampering (Process image change)"),
    "26": (["file"], ["deletion"], "FileDeleteDetected (File Delete logged)"),
    "27": (["file"], ["creation", "denied"], "FileBlockExecutable"),
    "28": (["file"], ["deletion", "denied"], "FileBlockShredding"),
    "29": (["file"], ["creation"], "FileExecutableDetected"),
    "255": (["process"], ["error"], "Error"),
}
HASH_OF_PROCESS = frozenset({"1", "23", "24", "25", "26"})
HASH_OF_FILE = frozenset({"6", "7", "15", "29"})
HASHES = frozenset({"md5", "sha1", "sha256", "sha384", "sha512"})
REGISTRY = frozenset({"12", "13", "14"})
HIVES = {
    long: short
    for short, name in (
        ("HKCR", "HKEY_CLASSES_ROOT"),
        ("HKCC", "HKEY_CURRENT_CONFIG"),
        ("HKCU", "HKEY_CURRENT_USER"),
        ("HKDD", "HKEY_DYN_DATA"),
        ("HKLM", "HKEY_LOCAL_MACHINE"),
        ("HKPD", "HKEY_PERFORMANCE_DATA"),
        ("HKU", "HKEY_USERS"),
    )
    for long in (short, name)
}
DNS_TYPES = {
    "1": "A", "2": "NS", "5": "CNAME", "6": "SOA", "12": "PTR", "15": "MX", "16": "TXT",
    "28": "AAAA", "33": "SRV", "35": "NAPTR", "39": "DNAME", "43": "DS", "46": "RRSIG",
    "47": "NSEC", "48": "DNSKEY", "64": "SVCB", "65": "HTTPS", "255": "ANY", "257": "CAA",
}  # fmt: skip
# Win32 and DNS API status codes as QueryStatus carries them.
DNS_STATUS = {
    "0": "SUCCESS",
    "5": "ERROR_ACCESS_DENIED",
    "8": "ERROR_NOT_ENOUGH_MEMORY",
    "13": "ERROR_INVALID_DATA",
    "14": "ERROR_OUTOFMEMORY",
    "87": "ERROR_INVALID_PARAMETER",
    "123": "ERROR_INVALID_NAME",
    "1214": "ERROR_INVALID_NETNAME",
    "1223": "ERROR_CANCELLED",
    "1460": "ERROR_TIMEOUT",
    "4312": "ERROR_OBJECT_NOT_FOUND",
    "9001": "DNS_ERROR_RCODE_FORMAT_ERROR",
    "9002": "DNS_ERROR_RCODE_SERVER_FAILURE",
    "9003": "DNS_ERROR_RCODE_NAME_ERROR",
    "9004": "DNS_ERROR_RCODE_NOT_IMPLEMENTED",
    "9005": "DNS_ERROR_RCODE_REFUSED",
    "9501": "DNS_INFO_NO_RECORDS",
    "9502": "DNS_ERROR_BAD_PACKET",
    "9560": "DNS_ERROR_INVALID_NAME",
    "9701": "DNS_ERROR_RECORD_DOES_NOT_EXIST",
    "9702": "DNS_ERROR_RECORD_FORMAT",
    "10054": "WSAECONNRESET",
    "10055": "WSAENOBUFS",
    "10060": "WSAETIMEDOUT",
    "11001": "WSAHOST_NOT_FOUND",
    "11002": "WSATRY_AGAIN",
    "11003": "WSANO_RECOVERY",
    "11004": "WSANO_DATA",
}
