#!/bin/bash
# What `byzwizard apply` is measured against: the same daemons, with the same configuration and the same waits that
# the protocols need (the mesh joined, addresses probed, link-local addresses settled), started by a plain script.
# Usage: by_hand.sh up|down FOLDER, where FOLDER holds what `save` kept of a node that apply has made.
set -euo pipefail

wait_for() {
    until "$@"; do sleep 0.05; done
}

settled() { # no address of the interface is tentative, and one is link-local
    local state
    state=$(ip -6 -o address show dev "$1" scope link)
    [ -n "$state" ] && [[ $state != *tentative* ]]
}

enabled() { [ "$(cat /sys/class/net/ap0/operstate)" = up ]; }
routing() { [ -S /run/byzantium/babel/socket ]; }
answers() { getent ahostsv4 here.byzantium.mesh >/dev/null; }

save() {
    mkdir -p "$1"
    nft list ruleset >"$1/rules.nft"
    for folder in mesh ap babel dnsmasq web names clock uplink; do cp -a "/run/byzantium/$folder" "$1/"; done
    find "$1" -type s -delete
    cp /run/byzantium/babel-links "$1/"
    cp /etc/resolv.conf "$1/resolv.conf"
    hostname >"$1/name"
    cat /sys/class/net/mesh0/address >"$1/mesh0"
    cat /sys/class/net/ap0/address >"$1/ap0"
    ip -4 -o address show clients0 | awk '{print $4}' >"$1/address"
    ip -6 -o address show clients0 scope global | awk '{print $4}' >"$1/ula"
}

up() {
    local address
    address=$(cat "$1/address")
    hostname "$(cat "$1/name")"
    nft -f "$1/rules.nft"
    iw reg set 00
    ip link set wlan0 down
    ip link set wlan0 address "$(cat "$1/mesh0")"
    ip link set wlan0 name mesh0
    for folder in mesh ap babel dnsmasq web names clock uplink; do
        mkdir -p "/run/byzantium/$folder"
        cp -a "$1/$folder/." "/run/byzantium/$folder/"
    done
    cp "$1/babel-links" /run/byzantium/
    systemctl start byz-mesh@mesh0 # ends when the mesh is joined
    sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    ip link add clients0 type bridge
    ip link add keep0 type dummy
    ip link add here0 type dummy
    ip link set keep0 master clients0 up
    ip link set clients0 up
    ip link set here0 up
    ip address add 10.255.255.1/32 dev here0
    ip address add "$address" dev clients0
    ip address add "$(cat "$1/ula")" dev clients0
    iw phy phy0 interface add ap0 type __ap addr "$(cat "$1/ap0")"
    sysctl -q net.ipv6.conf.ap0.disable_ipv6=1
    systemctl start byz-ap@ap0 byz-radio
    wait_for enabled
    wait_for settled mesh0
    systemctl start byz-babel
    wait_for routing
    systemctl start byz-dnsmasq byz-web byz-clock
    cp "$1/resolv.conf" /etc/resolv.conf
    wait_for answers
    systemctl start byz-tend byz-traffic.timer byz-gateway
}

down() {
    systemctl stop byz-gateway byz-traffic.timer byz-tend byz-clock byz-radio byz-web byz-dnsmasq \
        byz-babel byz-ap@ap0 byz-mesh@mesh0
    iw dev ap0 del
    for link in clients0 keep0 here0; do ip link del "$link"; done
    ip link set mesh0 down
    iw dev mesh0 set type managed
    ip link set mesh0 name wlan0
    nft flush ruleset
    for folder in mesh ap babel dnsmasq web names clock uplink; do rm -rf "/run/byzantium/$folder"; done
}

"$@"
