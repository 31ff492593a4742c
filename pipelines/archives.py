"""What a damaged archive makes zipfile, gzip and their decompressors raise: the one place that knows."""

import errno
import lzma
import struct
import zipfile
import zlib

# A seek to a place that cannot be (EINVAL) and a wrong sum of a gz (BadGzipFile) are OSErrors.
HARMED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, ValueError, OverflowError, OSError)
_NO_ERROR_OF_A_DISK = {None, errno.EINVAL}


def is_of_the_disk(error: Exception) -> bool:
    """Whether one of HARMED tells of the disk and not of the archive."""
    return isinstance(error, OSError) and error.errno not in _NO_ERROR_OF_A_DISK
