"""Makes common-passwords.bin from lists that others publish. Asked by hand; its result is committed.

    npm pack @zxcvbn-ts/language-common@4.1.3 && pip download --no-deps django==5.2
    python3 build.py package/src/passwords.json Django-5.2-py3-none-any.whl > common-passwords.bin

Of each password in lower case that has eight characters or more: the first four bytes of its SHA-256, sorted,
each once.
"""

import gzip
import hashlib
import json
import sys
import zipfile

words = set(json.load(open(sys.argv[1], encoding="utf-8")))
with zipfile.ZipFile(sys.argv[2]) as wheel:
    words.update(gzip.decompress(wheel.read("django/contrib/auth/common-passwords.txt.gz")).decode().split("\n"))
long = {word.lower() for word in words if len(word) >= 8}
marks = sorted({hashlib.sha256(word.encode()).digest()[:4] for word in long})
sys.stdout.buffer.write(b"".join(marks))
