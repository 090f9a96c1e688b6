"""OpenStack Swift with its S3 interface, as one process: all its servers, on free ports of 127.0.0.1.

    python3 swift-server.py FOLDER SECRET

keeps everything in FOLDER and knows one user, "test:tester", with that secret. Writes one line when it is ready, the
port of the S3 interface, and ends as soon as its standard input does: with whoever started it.
"""

import eventlet

eventlet.patcher.monkey_patch()

import os
import sys

from eventlet import hubs, wsgi
from swift.common import utils
from swift.common.http_protocol import SwiftHttpProtocol

folder, secret = sys.argv[1:]
devices = os.path.join(folder, "devices")
os.makedirs(os.path.join(devices, "disk"))
# Swift stores the metadata of objects in extended attributes, which not every file system has.
os.setxattr(devices, "user.test", b"1")


def write(name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


write("swift.conf", "[swift-hash]\nswift_hash_path_suffix = test\n[storage-policy:0]\nname = only\ndefault = yes\n")
utils.set_swift_dir(folder)
# Its log goes to the standard error output, too.
utils.get_logger.console_handler4logger = {}

from swift.common.ring import RingBuilder
from swift.common.wsgi import loadapp

COMMON = f"""
[DEFAULT]
swift_dir = {folder}
devices = {devices}
mount_check = false
disable_fallocate = true
log_level = WARNING
"""

PROXY = f"""
[pipeline:main]
pipeline = catch_errors s3api tempauth bulk slo dlo proxy-server

[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
# One disk holds the only copy.
node_timeout = 30

[filter:s3api]
use = egg:swift#s3api
s3_acl = false
check_bucket_owner = false

[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {secret} .admin

[filter:catch_errors]
use = egg:swift#catch_errors

[filter:bulk]
use = egg:swift#bulk

[filter:slo]
use = egg:swift#slo

[filter:dlo]
use = egg:swift#dlo
"""


class NoCache:
    """Stands in for memcached, which Swift loads but can run without."""

    def get(self, key, **_):
        return None

    def set(self, key, value, **_):
        pass

    def delete(self, key, **_):
        pass

    def incr(self, key, delta=1, **_):
        return delta


def with_cache(app):
    cache = NoCache()

    def call(env, start_response):
        env["swift.cache"] = cache
        return app(env, start_response)

    return call


def serve(name, listener):
    app = PROXY if name == "proxy" else f"[app:main]\nuse = egg:swift#{name}\n"
    loaded = loadapp(write(f"{name}.conf", COMMON + app), global_conf={"log_name": name})
    eventlet.spawn(
        wsgi.server,
        listener,
        with_cache(loaded),
        utils.NullLogger(),
        protocol=SwiftHttpProtocol,
        socket_timeout=60,
        # S3 clients look for "ETag", and some of them do not accept "Etag".
        capitalize_response_headers=False,
    )


def make_ring(name, file, port):
    builder = RingBuilder(1, 1, 0)
    builder.add_dev(dict(id=0, region=1, zone=1, ip="127.0.0.1", port=port, device="disk", weight=1))
    builder.rebalance()
    builder.get_ring().save(os.path.join(folder, f"{file}.ring.gz"))


listeners = {name: eventlet.listen(("127.0.0.1", 0)) for name in ("account", "container", "object", "proxy")}
for name in ("account", "container", "object"):
    make_ring(name, name, listeners[name].getsockname()[1])
for name, listener in listeners.items():
    serve(name, listener)
print(listeners["proxy"].getsockname()[1], flush=True)

hubs.trampoline(sys.stdin.fileno(), read=True)
os._exit(0)
