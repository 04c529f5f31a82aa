"""What honest programs do goes on behind all walls: libraries, threads, children, pools, servers of their own."""

import socket
import threading
from pathlib import Path

import pytest

from handrail.kernel.sandbox import Limits
from tests.adapters.isolation.conftest import Runs

ROOMY = {"memory": 1 << 30, "processes": Limits().processes, "file": Limits().file, "seconds": 100.0}

LIBRARIES = """
import io, os
import matplotlib.pyplot as plt, numpy as np, pandas as pd, pyarrow as pa, pyarrow.dataset as ds, pyarrow.parquet as pq
np.linalg.svd(np.random.rand(300, 300))
frame = pd.DataFrame({'a': range(50_000), 'b': np.random.rand(50_000)})
frame.groupby(frame.a % 7).b.sum()
frame.to_parquet('x.parquet')
assert ds.dataset('x.parquet').to_table().num_rows == len(pd.read_parquet('x.parquet')) == 50_000
frame.head(9).to_excel('x.xlsx')
assert len(pd.read_excel('x.xlsx')) == 9
frame.to_csv('x.csv')
plt.plot([1, 2])
for kind in ('png', 'pdf', 'svg'):
    plt.savefig(f'x.{kind}')
"""
PROCESSES = """
import asyncio, concurrent.futures, multiprocessing, os, pty, signal, subprocess, sys, threading, time
from multiprocessing import shared_memory

def square(x):
    return x * x

async def main():
    child = await asyncio.create_subprocess_exec(sys.executable, '-c', 'pass')
    assert await child.wait() == 0
    await asyncio.to_thread(time.sleep, 0.01)
    server = await asyncio.start_unix_server(lambda r, w: w.close(), 'door')
    assert await (await asyncio.open_unix_connection('door'))[0].read() == b''
    server.close()

if __name__ == '__main__':
    threads = [threading.Thread(target=time.sleep, args=(0.01,)) for _ in range(8)]
    for one in threads: one.start()
    for one in threads: one.join()
    assert subprocess.run([sys.executable, '-c', 'print(1)'], capture_output=True, text=True, start_new_session=True).stdout == '1\\n'
    asyncio.run(main())
    for how in ('fork', 'spawn', 'forkserver'):
        with multiprocessing.get_context(how).Pool(2) as pool:
            assert pool.map(square, [1, 2, 3]) == [1, 4, 9]
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        assert list(pool.map(square, [4])) == [16]
    with multiprocessing.Manager() as manager:
        manager.dict()['a'] = 1
    shared = shared_memory.SharedMemory(create=True, size=1000)
    shared.close(); shared.unlink()
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(0.03)
    child, terminal = pty.fork()
    if child == 0: os._exit(5)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
"""
FILES = """
import fcntl, mmap, os, shutil, sqlite3, tempfile, zipfile
os.makedirs('a/b'); os.makedirs('c')
open('a/x', 'w').write('x' * 9000)
os.rename('a/x', 'c/x'); os.link('c/x', 'a/l'); os.symlink('x', 'c/s'); os.mkfifo('pipe'); os.unlink('pipe')
shutil.copy2('c/x', 'a/y'); shutil.copytree('a', 'd'); shutil.move('d', '/tmp/d'); shutil.rmtree('/tmp/d')
shutil.make_archive('z', 'gztar', 'a'); zipfile.ZipFile('z.zip', 'w').write('c/x')
with open('a/y', 'r+b') as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    mmap.mmap(file.fileno(), 0).flush()
    os.fsync(file.fileno()); os.posix_fallocate(file.fileno(), 0, 20000); os.ftruncate(file.fileno(), 5)
os.chmod('a/y', 0o600); os.utime('a/y'); os.statvfs('.')
database = sqlite3.connect('s.db')
database.execute('CREATE TABLE t (a)'); database.execute('INSERT INTO t VALUES (1)'); database.commit()
with tempfile.NamedTemporaryFile() as file: file.write(b'x')
print(sorted(os.listdir('.')))
"""
EVERY_PACKAGE = """
import importlib, pkgutil
broken = []
for module in pkgutil.iter_modules(['/layer']):
    try:
        importlib.import_module(module.name)
    except (ImportError, AttributeError) as error:
        broken += [] if isinstance(error, ModuleNotFoundError) else [f'{module.name}: {error}']
print(broken)
"""
SERVES = """
import os, socket, threading
web = socket.create_server(('127.0.0.1', 0))
six = socket.create_server(('::1', 0), family=socket.AF_INET6)
port = web.getsockname()[1]

def answer():
    while True:
        with web.accept()[0] as caller: caller.sendall(b'web app: ' + caller.recv(99))

threading.Thread(target=answer, daemon=True).start()
with socket.socket(fileno=int(os.environ['HANDRAIL_LISTENER'])) as door, door.accept()[0] as outside:
    with socket.create_connection(('127.0.0.1', port)) as inner:
        inner.sendall(outside.recv(99))
        outside.sendall(inner.recv(99))
"""


@pytest.mark.parametrize(
    ("code", "printed"),
    [(LIBRARIES, ""), (PROCESSES, ""), (FILES, "['a', 'c', 's.db', 'z.tar.gz', 'z.zip']\n"), (EVERY_PACKAGE, "[]\n")],
    ids=["libraries", "processes", "files", "every package"],
)  # fmt: skip
def test_what_reports_do_goes_on(runs: Runs, code: str, printed: str) -> None:
    outcome, said = runs(code, **ROOMY)
    assert (outcome.ended, outcome.code, said) == ("exited", 0, printed)


def test_a_web_app_listens_on_a_port_of_its_own_and_is_reached_through_its_listener(
    runs: Runs, tmp_path: Path
) -> None:
    path = tmp_path / "app"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as caller:
        listener.bind(str(path))
        listener.listen()
        ended: list[object] = []
        hosted = threading.Thread(target=lambda: ended.append(runs(SERVES, listener=listener.dup())))
        hosted.start()
        caller.settimeout(30)
        caller.connect(str(path))
        caller.sendall(b"hello")
        assert caller.recv(99) == b"web app: hello"
        hosted.join()
    assert ended
