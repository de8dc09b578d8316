import subprocess
import sys
import time

from tests.harness.freezing import freeze, thaw

COUNTS = """
import threading
def count(file):
    while True:
        file.write(b"x")
        file.flush()
threads = [threading.Thread(target=count, args=(open(f"{number}", "wb"),)) for number in range(4)]
[thread.start() for thread in threads]
"""


def test_no_thread_does_anything_between_freeze_and_thaw(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", COUNTS], cwd=tmp_path)
    files = [tmp_path / f"{number}" for number in range(4)]

    def sizes() -> list[int]:
        return [file.stat().st_size if file.exists() else 0 for file in files]

    try:
        while not all(sizes()):
            time.sleep(0.01)
        for _ in range(20):
            freeze(process.pid)
            frozen = sizes()
            time.sleep(0.02)
            assert sizes() == frozen
            thaw(process.pid)
            while sizes() == frozen:
                time.sleep(0.001)
    finally:
        process.kill()
        process.wait()
