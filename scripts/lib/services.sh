# shellcheck shell=bash
# Private PostgreSQL, RabbitMQ and Postfix for tests: Debian's packages, own folder, own loopback ports, stopped by pid.
# Sourced by scripts/services and scripts/test.
#
#   services_install         what is missing, from Debian's packages
#   services_start           all; exports LEADBROKER_TEST_*; stops them when the shell exits
#   services_run CMD…        runs CMD while they live; its status
#   services_stop            idempotent; a caller with an EXIT trap of its own calls it there
#
# LEADBROKER_DEFINITIONS=FILE: RabbitMQ loads these definitions at every start (topology, users).

SERVICES_DIR=
SERVICES_RABBITMQ_BIN=/usr/lib/rabbitmq/bin # not /usr/sbin/rabbitmq-*: that wrapper changes the user

services_say() { printf 'services: %s\n' "$*" >&2; }
services_fail() { services_say "$*"; return 1; }

# The folder of PostgreSQL's newest server programs, or nothing.
services_postgres_bin() {
    local folder newest=
    for folder in /usr/lib/postgresql/*/bin; do
        [[ -x $folder/initdb ]] && newest=$folder
    done
    printf '%s' "$newest"
}

services_missing() {
    [[ -x $SERVICES_RABBITMQ_BIN/rabbitmq-server ]] || echo rabbitmq-server
    [[ -n $(services_postgres_bin) ]] || echo postgresql
    command -v pdftotext >/dev/null || echo poppler-utils
    # What a build needs beside Rust.
    command -v cc >/dev/null || printf '%s\n' gcc libc6-dev
    command -v pkg-config >/dev/null || echo pkg-config
    [[ -e /usr/include/openssl/ssl.h ]] || echo libssl-dev
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    command -v openssl >/dev/null || echo openssl
    [[ -x /usr/sbin/postfix ]] || echo postfix
}

services_install() {
    local missing as_root=() guard=/usr/sbin/policy-rc.d guarded=no status=0
    mapfile -t missing < <(services_missing)
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null ||
        services_fail "missing: ${missing[*]}; this is no Debian, so please install them yourself" || return
    if ((EUID != 0)); then
        command -v sudo >/dev/null ||
            services_fail "missing: ${missing[*]}; run as root: apt-get install ${missing[*]}" || return
        as_root=(sudo)
    fi
    services_say "installing ${missing[*]}"
    if [[ ! -e $guard ]]; then # else apt starts instances of the system
        guarded=yes
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$guard" >/dev/null
        "${as_root[@]}" chmod 755 "$guard"
    fi
    {
        "${as_root[@]}" apt-get -qq update &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
                apt-get -qq install -y --no-install-recommends --no-remove "${missing[@]}"
    } >&2 </dev/null || status=$?
    [[ $guarded == no ]] || "${as_root[@]}" rm -f "$guard"
    ((status == 0)) || services_fail "apt-get could not install ${missing[*]}"
}

# So many free loopback ports, all different.
services_free_ports() {
    python3 - "$1" <<'PYTHON'
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for one in held:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in held))
PYTHON
}

services_secret() { openssl rand -hex 16; }

# RabbitMQ's hash of a password: base64 of 4 bytes of salt and SHA-256 over salt and password.
services_rabbitmq_hash() {
    local folder=$1 password=$2
    openssl rand 4 >"$folder/salt"
    { cat "$folder/salt"; printf '%s' "$password"; } | openssl dgst -sha256 -binary >"$folder/digest"
    cat "$folder/salt" "$folder/digest" | base64 -w0
}

services_as_postgres() {
    if ((EUID == 0)); then # PostgreSQL refuses to run as root
        setpriv --reuid=postgres --regid=postgres --init-groups "$@"
    else
        "$@"
    fi
}

services_start_postgres() {
    local port=$1 folder=$SERVICES_DIR/postgres bin password
    bin=$(services_postgres_bin)
    password=$(services_secret)
    mkdir "$folder"
    printf '%s' "$password" >"$folder/password"
    ((EUID != 0)) || chown -R postgres:postgres "$folder"
    (
        cd "$folder" || exit
        services_as_postgres "$bin/initdb" -D "$folder/data" -U leadbroker -A scram-sha-256 \
            --pwfile="$folder/password" -E UTF8 --locale=C.UTF-8 -N &&
            services_as_postgres "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/server.log" \
                -o "-c listen_addresses=127.0.0.1 -p $port -c max_connections=300 -c unix_socket_directories=$folder" \
                start
    ) >"$SERVICES_DIR/postgres.log" 2>&1 ||
        { cat "$SERVICES_DIR/postgres.log" >&2; services_fail "PostgreSQL did not start"; } || return
    export LEADBROKER_TEST_POSTGRES_URL="postgres://leadbroker:$password@127.0.0.1:$port/postgres"
}

# The broker's user, for whom a wiped data folder must not be a lock-out: definitions load at every start.
services_write_definitions() {
    local folder=$1 hash=$2
    mkdir "$folder/definitions"
    if [[ -n ${LEADBROKER_DEFINITIONS:-} ]]; then
        cp "$LEADBROKER_DEFINITIONS" "$folder/definitions/10-given.json" ||
            services_fail "LEADBROKER_DEFINITIONS names no readable file" || return
    fi
    cat >"$folder/definitions/20-services.json" <<JSON
{ "vhosts": [{ "name": "/" }],
  "users": [{ "name": "leadbroker", "password_hash": "$hash",
              "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ["administrator"] }],
  "permissions": [{ "user": "leadbroker", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*" }] }
JSON
}

services_write_rabbitmq() {
    local folder=$1 port=$2 dist_port=$3 epmd_port=$4 tls_port=$5
    mkdir "$folder/home" "$folder/mnesia" "$folder/log"
    services_secret >"$folder/home/.erlang.cookie"
    chmod 400 "$folder/home/.erlang.cookie"
    printf '[].\n' >"$folder/enabled_plugins"
    cat >"$folder/rabbitmq.conf" <<CONF
loopback_users = none
disk_free_limit.absolute = 50MB
log.file.level = warning
load_definitions = $folder/definitions
listeners.ssl.1 = 127.0.0.1:$tls_port
ssl_options.cacertfile = $folder/ca.pem
ssl_options.certfile = $folder/server.pem
ssl_options.keyfile = $folder/server.key
ssl_options.verify = verify_none
ssl_options.fail_if_no_peer_cert = false
CONF
    cat >"$folder/control" <<CONTROL
#!/usr/bin/env bash
# Controls one private RabbitMQ: start | stop | kill (as a power cut) | wipe (its disk is lost; while stopped)
# | import FILE (definitions) | memory FRACTION (of the machine's, from which on it takes nothing).
D=$(printf '%q' "$folder") PORT=$port EPMD_PORT=$epmd_port BIN=$SERVICES_RABBITMQ_BIN
export HOME=\$D/home LC_ALL=C.UTF-8
export RABBITMQ_NODENAME=t$port@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$port
export RABBITMQ_DIST_PORT=$dist_port ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$epmd_port
CONTROL
    cat >>"$folder/control" <<'CONTROL'
export RABBITMQ_MNESIA_BASE=$D/mnesia RABBITMQ_LOG_BASE=$D/log RABBITMQ_PID_FILE=$D/pid
export RABBITMQ_ENABLED_PLUGINS_FILE=$D/enabled_plugins RABBITMQ_CONF_ENV_FILE=/dev/null
export RABBITMQ_CONFIG_FILE=$D/rabbitmq.conf
# Else the port for other nodes listens on every address.
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"

pid() { { tr -dc 0-9 <"$D/pid"; } 2>/dev/null; } # RabbitMQ removes the file while it still stops
# Zombies (a container without an init leaves them) count as gone.
lives() { [[ -n $1 && -r /proc/$1/stat && $(cut -d' ' -f3 "/proc/$1/stat" 2>/dev/null) == [!Z] ]]; }
alive() { lives "$(pid)"; }
listens() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
wait_until() { # seconds, command…
    local end=$((SECONDS + $1)); shift
    until "$@"; do ((SECONDS < end)) || return 1; sleep 0.1; done
}
gone() { ! lives "$1"; }
up() { alive && listens "$PORT"; }

start() {
    alive && return
    rm -f "$D/pid"
    if ! listens "$EPMD_PORT"; then # an own one, with an own pid; RabbitMQ's would stay behind
        setsid epmd -address 127.0.0.1 -port "$EPMD_PORT" >/dev/null 2>&1 </dev/null &
        echo $! >"$D/epmd.pid"
        wait_until 10 listens "$EPMD_PORT" || { echo "epmd did not start" >&2; return 1; }
    fi
    setsid "$BIN/rabbitmq-server" >"$D/out" 2>&1 </dev/null &
    wait_until 90 up || { cat "$D/out" >&2; echo "RabbitMQ did not start" >&2; return 1; }
}
stop() {
    local it
    it=$(pid)
    lives "$it" || return 0
    kill -TERM "$it"
    wait_until 30 gone "$it" || { kill -KILL "$it"; wait_until 10 gone "$it"; }
}
kill_hard() {
    local it
    it=$(pid)
    lives "$it" || return 0
    kill -KILL "$it"
    wait_until 10 gone "$it"
}
wipe() {
    ! alive || { echo "stop it before its disk is lost" >&2; return 1; }
    rm -rf "$D/mnesia" && mkdir "$D/mnesia"
}
case ${1:-} in
    start) start ;;
    stop) stop ;;
    kill) kill_hard ;;
    wipe) wipe ;;
    import) "$BIN/rabbitmqctl" --quiet import_definitions "${2:?the file with the definitions}" </dev/null ;;
    memory) "$BIN/rabbitmqctl" --quiet set_vm_memory_high_watermark "${2:?the fraction}" </dev/null ;;
    *) echo "usage: control start|stop|kill|wipe|import FILE|memory FRACTION" >&2; exit 2 ;;
esac
CONTROL
    chmod 700 "$folder/control"
}

services_start_rabbitmq() {
    local port=$1 dist_port=$2 epmd_port=$3 tls_port=$4 folder=$SERVICES_DIR/rabbitmq password
    mkdir -m 700 "$folder"
    services_write_certificate "$folder" || return
    password=$(services_secret)
    services_write_definitions "$folder" "$(services_rabbitmq_hash "$folder" "$password")" || return
    services_write_rabbitmq "$folder" "$port" "$dist_port" "$epmd_port" "$tls_port"
    "$folder/control" start || return
    export LEADBROKER_TEST_AMQPS_URL="amqps://leadbroker:$password@localhost:$tls_port/%2f"
    export LEADBROKER_TEST_AMQPS_CA="$folder/ca.pem"
    export LEADBROKER_TEST_AMQP_URL="amqp://leadbroker:$password@127.0.0.1:$port/%2f"
    export LEADBROKER_TEST_RABBITMQ="$folder/control"
}

# A CA, and a certificate of it for localhost.
services_write_certificate() {
    local folder=$1
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=leadbroker test CA" \
        -keyout "$folder/ca.key" -out "$folder/ca.pem" 2>/dev/null &&
        openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" \
            -keyout "$folder/server.key" -out "$folder/server.csr" 2>/dev/null &&
        openssl x509 -req -in "$folder/server.csr" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -CAcreateserial \
            -days 2 -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n') \
            -out "$folder/server.pem" 2>/dev/null || services_fail "openssl made no certificate"
}

# Takes mail for everybody over STARTTLS and keeps it in one maildir; sends nothing anywhere.
services_write_postfix() {
    local folder=$1 port=$2
    cat >"$folder/conf/main.cf" <<CONF
compatibility_level = 3.6
queue_directory = $folder/queue
data_directory = $folder/data
maillog_file = $folder/log/mail.log
maillog_file_prefixes = $folder/log
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination =
alias_maps =
alias_database =
disable_dns_lookups = yes
smtpd_peername_lookup = no
default_transport = error:this server sends nothing
relay_transport = error:this server sends nothing
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:inbox/
virtual_mailbox_base = $folder/mail
virtual_mailbox_limit = 0
virtual_minimum_uid = 1
virtual_uid_maps = static:$(id -u nobody)
virtual_gid_maps = static:$(id -g nobody)
message_size_limit = 52428800
smtpd_relay_restrictions = reject_unauth_destination
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = $folder/server.pem
smtpd_tls_key_file = $folder/server.key
CONF
    cat >"$folder/conf/master.cf" <<CONF
127.0.0.1:$port inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
CONF
}

services_start_postfix() {
    local port=$1 folder=$SERVICES_DIR/postfix
    if ((EUID != 0)); then # its master changes users
        services_say "no Postfix: it starts as root only; tests that need LEADBROKER_TEST_SMTP_* will say so"
        return 0
    fi
    mkdir "$folder" "$folder"/{conf,queue,data,log,mail}
    chown postfix "$folder/data"
    chown nobody "$folder/mail"
    services_write_certificate "$folder" || return
    services_write_postfix "$folder" "$port"
    /usr/sbin/postfix -c "$folder/conf" start >"$folder/out" 2>&1 ||
        { cat "$folder/out" "$folder/log/mail.log" >&2; services_fail "Postfix did not start"; } || return
    export LEADBROKER_TEST_SMTP_HOST=localhost LEADBROKER_TEST_SMTP_PORT=$port
    export LEADBROKER_TEST_SMTP_CA="$folder/ca.pem" LEADBROKER_TEST_SMTP_MAILDIR="$folder/mail/inbox"
}

services_stop_postfix() {
    local folder=$SERVICES_DIR/postfix pid
    [[ -s $folder/queue/pid/master.pid ]] || return 0
    pid=$(tr -dc 0-9 <"$folder/queue/pid/master.pid")
    /usr/sbin/postfix -c "$folder/conf" stop >>"$folder/out" 2>&1 || kill -KILL "$pid" 2>/dev/null
}

services_start() {
    local ports
    services_install || return
    SERVICES_DIR=$(mktemp -d "${TMPDIR:-/tmp}/leadbroker-services.XXXXXX") || return
    trap services_stop EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    chmod 711 "$SERVICES_DIR" # the user postgres passes through
    read -r -a ports < <(services_free_ports 6)
    services_start_postgres "${ports[0]}" &&
        services_start_rabbitmq "${ports[@]:1:4}" &&
        services_start_postfix "${ports[5]}"
}

# In the background, so that a signal reaches the trap at once and the command is stopped before the services.
services_run() {
    local status=0
    "$@" <&0 &
    SERVICES_COMMAND=$!
    wait "$SERVICES_COMMAND" || status=$?
    SERVICES_COMMAND=
    return "$status"
}

services_stop() {
    local pid file
    [[ -n $SERVICES_DIR ]] || return 0
    if [[ -n ${SERVICES_COMMAND:-} ]]; then
        kill -TERM "$SERVICES_COMMAND" 2>/dev/null
        wait "$SERVICES_COMMAND" 2>/dev/null
    fi
    services_stop_postfix
    if [[ -x $SERVICES_DIR/rabbitmq/control ]]; then
        "$SERVICES_DIR/rabbitmq/control" stop
    fi
    file=$SERVICES_DIR/rabbitmq/epmd.pid
    [[ ! -s $file ]] || kill "$(<"$file")" 2>/dev/null
    file=$SERVICES_DIR/postgres/data/postmaster.pid
    if [[ -s $file ]]; then
        pid=$(head -n 1 "$file")
        kill -INT "$pid" # fast shutdown; the file goes last
        for _ in {1..100}; do
            [[ -e $file ]] || break
            sleep 0.1
        done
        [[ ! -e $file ]] || kill -QUIT "$pid"
    fi
    if [[ -n ${LEADBROKER_TEST_KEEP:-} ]]; then
        services_say "kept $SERVICES_DIR"
    else
        rm -rf "$SERVICES_DIR"
    fi
    SERVICES_DIR=
}
