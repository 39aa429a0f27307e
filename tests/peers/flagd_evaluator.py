"""An application that evaluates a flag in process, as flagd would; prints the variant whenever it changes."""

import sys
import time

from openfeature import api
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType

path, flag = sys.argv[1:]
api.set_provider(FlagdProvider(resolver_type=ResolverType.FILE, offline_flag_source_path=path))
client = api.get_client()
last = None
while True:
    variant = client.get_boolean_details(flag, True).variant
    if variant is not None and variant != last:
        print(f"variant {variant}", flush=True)
        last = variant
    time.sleep(0.1)
