#!/bin/busybox sh
# Process 1 of a booted kernel: tries the agent step by step and says how far it came. The host reads
# lines that begin with "medulla: ".

/bin/busybox --install -s /bin
export PATH=/bin HOME=/
mkdir -p /proc /sys /tmp /run /var/lib /www
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup /sys/fs/cgroup
for module in /modules/*; do
    case $module in *.xz) unxz "$module" && module=${module%.xz} ;; esac
    insmod "$module"
done
ip link set lo up

# step NAME COMMAND...: runs a command; the first that fails ends the boot.
step() {
    name=$1
    shift
    if "$@" >/tmp/step 2>&1; then
        echo "medulla: $name ok"
    else
        echo "medulla: $name failed: $*"
        cat /tmp/step
        tail -n 20 /tmp/agent.log
        sync
        poweroff -f
    fi
}

# soon COMMAND...: until it succeeds, at most 20 s.
soon() {
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || return 1
        usleep 200000
    done
}

doctor() { medulla-agent doctor >/tmp/doctor; }
can() { grep -q "yes $1 " /tmp/doctor; }
says() { grep -q "$1" /tmp/agent.log; }
fetch() { printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 2 127.0.0.1 8080 | grep -q fine; }

load() { doctor && can limits && can latency && can clsact; }

attach() {
    medulla-agent run --config /etc/agent.yaml >/tmp/agent.log 2>&1 &
    agent=$!
    soon medulla-agent limit list && doctor && can hooks_in_use
}

sample() {
    echo fine >/www/index.html
    httpd -p 127.0.0.1:8080 -h /www
    soon fetch && soon says medulla.port.request.duration
}

limited() { medulla-agent limit list --json | tee /tmp/limits | grep -q '"dropped":[1-9]'; }

limit() {
    medulla-agent limit set --port 8080 --rate 1/s --burst 5 --for 1m || return 1
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do fetch & done
    soon limited
}

# The lease ends in the kernel, the agent stopped.
lease() {
    medulla-agent limit set --port 8080 --rate 1/s --burst 1 --for 2s || return 1
    kill -STOP $(pidof medulla-agent)
    sleep 3
    fetch && fetch && fetch && kill -CONT $(pidof medulla-agent)
}

gone() { [ ! -e /sys/fs/bpf/medulla ]; }
leave() { kill -TERM $agent && soon gone; }

# What the agent's own tests say of this kernel.
tests() { kernel-tests --test-threads 1 "$@" && ! grep -q skipped /tmp/step; }
reflex() { tests reflex::slow_answers reflex::a_lease; }
units() { tests units::; }
waits() { tests run_queue::; }

echo "medulla: $(uname -r)"
step load load
step attach attach
echo "medulla: $(grep hooks_in_use /tmp/doctor)"
step sample sample
step limit limit
step lease lease
step leave leave
step units units
step reflex reflex
step run-queue waits
echo "medulla: done"
poweroff -f
