# SPDX-License-Identifier: Apache-2.0
"""The auditor's kit: one folder with all that verifies a log.

Protocol section 9.  What stands beside the log goes in: segments, manifest,
redaction and retention records, and the paths and ``.ots`` files of anchors
as far as there are any.  No private key does.
"""

import hashlib
import json
import pathlib
import shutil

from tacker_ledger.core import errors
from tacker_ledger.core.securelog import sessions
from tacker_ledger.securelog import keys
from tacker_ledger.securelog import verification

_ASIDE = (verification.MANIFEST, verification.REDACTIONS,
          verification.RETENTION)
_PROOFS = ('.ots', '.path', '.leaf', '.anchors')
_READ_ME = '''\
Auditor's kit of the secure log {name}, log id {log_id}.

log-signing.pub  verifies its checkpoints
kit.json         the log id and the SHA-256 of every file here
{name}*          segments, manifest, signed records, proofs of anchors

Compare log-signing.pub and the log id with what you were given when the log
began. Then, in this folder:

    tacker-ledger-securelog verify {name} --keys .

With the auditor's private key as auditor.key (mode 0600) in this folder the
forward-secure tags and lines after the last checkpoint are verified too.
'''


def make(log: verification.Log, report: sessions.Report, directory: str,
         output: str) -> int:
    """Copy all that verifies a log into a new folder.

    :param report: of the log's verification
    :param directory: of the keys; only the public signing key is taken
    :returns: number of files
    :raises Duplicate: the folder exists
    """
    target = pathlib.Path(output)
    try:
        target.mkdir(mode=0o750)
    except FileExistsError:
        raise errors.Duplicate(f'There is a folder {output} already.'
                               ) from None
    except OSError as error:
        raise errors.BadOption(f'{output}: {error.strerror}.') from error
    public = pathlib.Path(directory).expanduser() / (
        keys.SIGNING + keys.PUBLIC_SUFFIX)
    wanted = [public, *log.files,
              *(log.aside(one) for one in _ASIDE), *_proofs(log)]
    sums = {}
    for path in wanted:
        if not path.is_file() or path.name in sums:
            continue
        copy = target / path.name
        shutil.copyfile(path, copy)
        with open(copy, 'rb') as file:
            sums[copy.name] = hashlib.file_digest(file, 'sha256').hexdigest()
    log_id = None if report.log_id is None else report.log_id.hex()
    (target / 'kit.json').write_text(json.dumps({
        'version': 1, 'log': log.path.name, 'log_id': log_id,
        'verdict_when_made': report.verdict.label, 'sha256': sums,
    }, indent=1, sort_keys=True) + '\n', encoding='ascii')
    (target / 'README').write_text(
        _READ_ME.format(name=log.path.name, log_id=log_id),
        encoding='utf-8')
    return len(sums) + 2


def _proofs(log: verification.Log) -> list[pathlib.Path]:
    return sorted(one for one in log.path.parent.iterdir()
                  if one.name.startswith(log.path.name + '.')
                  and one.name.endswith(_PROOFS))
