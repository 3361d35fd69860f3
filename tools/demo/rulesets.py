# SPDX-License-Identifier: Apache-2.0
"""What the tenant and the vendor of the demonstration publish.

Each is one nftables table; the firewall's own has a set which traffic
fills: who knocks on UDP 7001 may then reach TCP 2222.
"""

KNOCK_PORT = 7001

# The vendor's public baseline: nobody reaches the proxy port.
BASELINE = '''\
table inet baseline {
  chain forward {
    type filter hook forward priority -10; policy accept;
    tcp dport 8080 drop
  }
}
'''

# The group's common policy.
GROUP = '''\
table inet group_policy {
  chain forward {
    type filter hook forward priority -5; policy accept;
    tcp dport 9000 drop
  }
}
'''

_FIREWALL = '''\
table inet firewall {
  set knocked {
    type ipv4_addr
    size 1024
    flags dynamic,timeout
    timeout 1h
  }
  chain forward {
    type filter hook forward priority 0; policy accept;
    ct state established,related accept
    udp dport 7001 add @knocked { ip saddr }
    tcp dport 2222 ip saddr @knocked accept
    tcp dport 2222 drop
%s  }
}
'''


def firewall(*closed_ports: int) -> str:
    """The tenant's ruleset which closes these TCP ports."""
    return _FIREWALL % ''.join('    tcp dport %d drop\n' % port
                               for port in closed_ports)
