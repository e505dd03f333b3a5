"""What the Security log's event ids are, and what its codes mean: facts, as Elastic names them.

Where versions of Elastic's pipelines differ the values are those its newest rules ask for.
"""

from __future__ import annotations

# Event ids: event.category: event.type: event.action.
_TABLE = """
1100: process: end: logging-service-shutdown
1102: iam: admin change: audit-log-cleared
1104: iam: admin: logging-full
1105: iam: admin: auditlog-archieved
1108: iam: admin: logging-processing-error
4610: configuration: access: authentication-package-loaded
4611: configuration: change: trusted-logon-process-registered
4614: configuration: access: notification-package-loaded
4616: configuration: change: system-time-changed
4622: configuration: access: security-package-loaded
4624: authentication: start: logged-in
4625: authentication: start: logon-failed
4634 4647: authentication: end: logged-out
4648: authentication: start: logged-in-explicit
4657: registry configuration: change: registry-value-modified
4658: iam configuration: change: handle-closed-object
4660: file registry: deletion: object-deleted
4662: iam configuration: admin change: object-operation-performed
4664: file: creation: create-hard-link
4670: iam configuration: admin change: permissions-changed
4672: iam: admin: logged-in-special
4673: iam: admin: privileged-service-called
4674: iam: admin: privileged-operation
4688: process: start: created-process
4689: process: end: exited-process
4690: process: access: duplicate-handle-attempt
4697: iam configuration: admin change: service-installed
4698: iam configuration: creation admin: scheduled-task-created
4699: iam configuration: deletion admin: scheduled-task-deleted
4700: iam configuration: change admin: scheduled-task-enabled
4701: iam configuration: change admin: scheduled-task-disabled
4702: iam configuration: change admin: scheduled-task-updated
4704: iam: change user: user-right-assigned
4706: configuration: creation: domain-trust-added
4707: configuration: deletion: domain-trust-removed
4713: configuration: change: kerberos-policy-changed
4714: configuration: change: encrypted-data-recovery-policy-changed
4715: configuration: change: object-audit-policy-changed
4716: configuration: change: trusted-domain-information-changed
4717: iam configuration: admin change: system-security-access-granted
4718: iam configuration: admin deletion: system-security-access-removed
4719: iam configuration: admin change: changed-audit-config
4720: iam: user creation: added-user-account
4722: iam: user change: enabled-user-account
4723: iam: user change: changed-password
4724: iam: user change: reset-password
4725: iam: user deletion: disabled-user-account
4726: iam: user deletion: deleted-user-account
4727 4731 4754: iam: group creation: added-group-account
4728 4732 4756: iam: group change: added-member-to-group
4729 4733 4757: iam: group change: removed-member-from-group
4730 4734 4758: iam: group deletion: deleted-group-account
4735 4737 4755: iam: group change: modified-group-account
4738: iam: user change: modified-user-account
4739: configuration: change: domain-policy-changed
4740: iam: user change: locked-out-user-account
4741: iam: creation admin: added-computer-account
4742: iam: change admin: changed-computer-account
4743: iam: deletion admin: deleted-computer-account
4744 4749 4759: iam: group creation: added-distribution-group-account
4745 4750 4760: iam: group change: changed-distribution-group-account
4746 4751 4761: iam: group change: added-member-to-distribution-group
4747 4752 4762: iam: group change: removed-member-from-distribution-group
4748 4753 4763: iam: group deletion: deleted-distribution-group-account
4764: iam: group change: type-changed-group-account
4767: iam: user change: unlocked-user-account
4768: authentication: start: kerberos-authentication-ticket-requested
4769: authentication: start: kerberos-service-ticket-requested
4770: authentication: start: kerberos-service-ticket-renewed
4771: authentication: start: kerberos-preauth-failed
4776: authentication: start: credential-validated
4778: authentication session: start: session-reconnected
4779: authentication session: end: session-disconnected
4781: iam: user change: renamed-user-account
4797: iam: user info: query-existence-of-blank-password
4798: iam: user info: group-membership-enumerated
4799: iam: group info: user-member-enumerated
4817: iam configuration: admin change: object-audit-changed
4902: iam configuration: admin creation: user-audit-policy-created
4904: iam configuration: admin change: security-event-source-added
4905: iam configuration: admin deletion: security-event-source-removed
4906: iam configuration: admin change: crash-on-audit-changed
4907: iam configuration: admin change: audit-setting-changed
4908: iam configuration: admin change: special-group-table-changed
4912: iam configuration: admin change: per-user-audit-policy-changed
4950: configuration: change: windows-firewall-setting-changed
4954: configuration: change: windows-firewall-group-policy-changed
4964: iam: admin group: logged-in-special
5024: process: start: windows-firewall-service-started
5025: process: end: windows-firewall-service-stopped
5033: driver: start: windows-firewall-driver-started
5034: driver: end: windows-firewall-driver-stopped
5037: driver: end: windows-firewall-driver-error
5136: iam configuration: admin change: directory-service-object-modified
5137: iam configuration: admin creation: directory-service-object-created
5140: network file: info access: network-share-object-accessed
5141: iam configuration: admin deletion: directory-service-object-deleted
5145: network file: info access: network-share-object-access-checked
5152: network: connection info denied: windows-firewall-packet-drop
5156: network: connection info allowed: windows-firewall-connection
5157: network: connection info denied: windows-firewall-packet-block
5158: network: info: windows-firewall-bind-local-port
5379: iam: user info: credential-manager-credentials-were-read
5380: iam: user info: vault-credential-find
5381 5382: iam: user info: vault-credentials-were-read
"""

# event id: (event.category, event.type, event.action)
EVENTS: dict[str, tuple[list[str], list[str], str]] = {
    code: (categories.split(), types.split(), action)
    for codes, categories, types, action in (
        line.split(": ") for line in _TABLE.strip().splitlines()
    )
    for code in codes.split()
}

LOGON_TYPES = {
    "2": "Interactive",
    "3": "Network",
    "4": "Batch",
    "5": "Service",
    "7": "Unlock",
    "8": "NetworkCleartext",
    "9": "NewCredentials",
    "10": "RemoteInteractive",
    "11": "CachedInteractive",
}
# Bits of NewUacValue, from the lowest up: SAM's flags, not those of the directory's attribute.
UAC_FLAGS = (
    "USER_ACCOUNT_DISABLED", "USER_HOME_DIRECTORY_REQUIRED", "USER_PASSWORD_NOT_REQUIRED",
    "USER_TEMP_DUPLICATE_ACCOUNT", "USER_NORMAL_ACCOUNT", "USER_MNS_LOGON_ACCOUNT",
    "USER_INTERDOMAIN_TRUST_ACCOUNT", "USER_WORKSTATION_TRUST_ACCOUNT",
    "USER_SERVER_TRUST_ACCOUNT", "USER_DONT_EXPIRE_PASSWORD", "USER_ACCOUNT_AUTO_LOCKED",
    "USER_ENCRYPTED_TEXT_PASSWORD_ALLOWED", "USER_SMARTCARD_REQUIRED",
    "USER_TRUSTED_FOR_DELEGATION", "USER_NOT_DELEGATED", "USER_USE_DES_KEY_ONLY",
    "USER_DONT_REQUIRE_PREAUTH", "USER_PASSWORD_EXPIRED",
    "USER_TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION", "USER_NO_AUTH_DATA_REQUIRED",
    "USER_PARTIAL_SECRETS_ACCOUNT", "USER_USE_AES_KEYS",
)  # fmt: skip
SERVICE_TYPES = {
    0x1: "Kernel Driver",
    0x2: "File System Driver",
    0x8: "Recognizer Driver",
    0x10: "Win32 Own Process",
    0x20: "Win32 Share Process",
    0x110: "Interactive Own Process",
    0x120: "Interactive Share Process",
}
TICKET_ENCRYPTION = {
    0x1: "DES-CBC-CRC",
    0x3: "DES-CBC-MD5",
    0x11: "AES128-CTS-HMAC-SHA1-96",
    0x12: "AES256-CTS-HMAC-SHA1-96",
    0x17: "RC4-HMAC",
    0x18: "RC4-HMAC-EXP",
    0xFFFFFFFF: "FAIL",
}
# Codes of %%1234 that a logon's FailureReason has.
FAILURE_REASONS = {
    "%%2304": "An Error occured during Logon.",
    "%%2305": "The specified user account has expired.",
    "%%2306": "The NetLogon component is not active.",
    "%%2307": "Account locked out.",
    "%%2308": "The user has not been granted the requested logon type at this machine.",
    "%%2309": "The specified account's password has expired.",
    "%%2310": "Account currently disabled.",
    "%%2311": "Account logon time restriction violation.",
    "%%2312": "User not allowed to logon at this computer.",
    "%%2313": "Unknown user name or bad password.",
    "%%2314": "Domain sid inconsistent.",
    "%%2315": "Smartcard logon is required and was not used.",
}
# As in the record, and as in its message.
DIRECTIONS = {
    "%%14592": "ingress", "%%14593": "egress", "Inbound": "ingress", "Outbound": "egress",
}  # fmt: skip
# NTSTATUS of a failed logon, in a few words.
LOGON_STATUS = {
    0x0: "Status OK.",
    0xC000005E: "No logon servers available",
    0xC0000064: "User name does not exist",
    0xC000006A: "Wrong password",
    0xC000006D: "Bad user name or authentication information",
    0xC000006E: "Unknown user name or bad password",
    0xC000006F: "Logon outside authorized hours",
    0xC0000070: "Logon from unauthorized workstation",
    0xC0000071: "Password expired",
    0xC0000072: "Account disabled",
    0xC00000DC: "SAM server in the wrong state",
    0xC0000133: "Clocks too far out of sync",
    0xC000015B: "Logon type not granted",
    0xC000018C: "Trust relationship failed",
    0xC0000192: "Netlogon service not started",
    0xC0000193: "Account expired",
    0xC0000224: "Password must change at next logon",
    0xC0000234: "Account locked",
    0xC0000371: "No secret material for the account",
    0xC0000413: "Not allowed by authentication firewall",
}
IP_PROTOCOLS = {
    "1": "icmp", "2": "igmp", "4": "ipv4", "6": "tcp", "17": "udp", "41": "ipv6", "47": "gre",
    "50": "esp", "58": "ipv6-icmp",
}  # fmt: skip
