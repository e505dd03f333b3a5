"""Ports by the service that usually listens on them."""

from __future__ import annotations

_SERVICES = {
    20: "ftp-data", 21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 53: "dns", 67: "dhcp",
    68: "dhcp", 69: "tftp", 80: "http", 88: "kerberos", 110: "pop3", 111: "rpcbind", 123: "ntp",
    135: "msrpc", 137: "netbios-ns", 138: "netbios-dgm", 139: "netbios-ssn", 143: "imap",
    161: "snmp", 162: "snmp-trap", 179: "bgp", 389: "ldap", 443: "https", 445: "smb",
    464: "kpasswd", 465: "smtps", 500: "ike", 514: "syslog", 515: "lpd", 587: "submission",
    593: "msrpc-http", 631: "ipp", 636: "ldaps", 853: "dns-tls", 873: "rsync", 990: "ftps",
    993: "imaps", 995: "pop3s", 1080: "socks", 1194: "openvpn", 1433: "mssql", 1434: "mssql-udp",
    1521: "oracle", 1723: "pptp", 1883: "mqtt", 1900: "ssdp", 2049: "nfs", 2375: "docker",
    2376: "docker-tls", 3128: "http-proxy", 3268: "ldap-gc", 3269: "ldaps-gc", 3306: "mysql",
    3389: "rdp", 4500: "ipsec-nat", 5060: "sip", 5222: "xmpp", 5353: "mdns", 5355: "llmnr",
    5357: "wsd", 5432: "postgresql", 5671: "amqps", 5672: "amqp", 5900: "vnc", 5985: "winrm",
    5986: "winrm-tls", 6379: "redis", 6443: "kubernetes", 6667: "irc", 8080: "http-alt",
    8443: "https-alt", 8883: "mqtts", 9001: "tor", 9050: "tor-socks", 9100: "printer",
    9200: "elasticsearch", 9389: "ad-ws", 11211: "memcached", 27017: "mongodb", 47001: "winrm",
}  # fmt: skip


def service(port: int | None) -> str:
    """The usual service of a port; "" where there is none."""
    return _SERVICES.get(port, "") if port is not None else ""
