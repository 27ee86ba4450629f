"""holds.py: things that a program may hold and a checkpoint may not take along.

Each function makes one, and returns what the training does with it at each step. train.py calls the one that HOLDS names.
"""
import asyncio
import multiprocessing
import os
import socket
import tempfile


def connection():
    """A TCP connection, here of the program with itself. A lost one is said, and made no more."""
    server = socket.create_server(("127.0.0.1", 5555))
    client = socket.create_connection(("127.0.0.1", 5555))
    peer, _ = server.accept()
    lost = []

    def use():
        try:
            if not lost:
                client.sendall(b"x")
                peer.recv(1)
        except OSError as error:
            lost.append(error)
            print("the connection is lost:", error, flush=True)

    return use


def listener():
    server = socket.create_server(("0.0.0.0", 5556))
    return server.getsockname


def socketpair():
    """Two processes and a pair of Unix sockets."""
    mine, other = socket.socketpair()
    if os.fork() == 0:
        mine.close()
        while other.recv(1):
            pass
        os._exit(0)
    return lambda: mine.sendall(b"x")


def unix_listener():
    server = socket.socket(socket.AF_UNIX)
    server.bind("/tmp/socket")
    server.listen()
    return server.getsockname


def workers():
    """A pool of processes: pipes, and semaphores in shared memory that have no name any more."""
    pool = multiprocessing.get_context("fork").Pool(2)
    return lambda: pool.map(abs, range(4))


def data_loader():
    """PyTorch's DataLoader with two workers, which hand over batches in shared memory. A program with numpy alone has none."""
    import torch

    batches = iter(torch.utils.data.DataLoader(range(1 << 40), batch_size=64, num_workers=2, sampler=torch.utils.data.SequentialSampler(range(1 << 40))))
    return lambda: next(batches)


def event_loop():
    """epoll and a pair of sockets."""
    loop = asyncio.new_event_loop()
    return lambda: loop.run_until_complete(asyncio.sleep(0))


def _writes(file):
    def use():
        file.seek(0)
        file.write(b"x")
        file.flush()

    return use


def deleted_file():
    return _writes(tempfile.TemporaryFile())


def shm_file():
    return _writes(open("/dev/shm/segment", "w+b"))


def shm_deleted_file():
    """Shared memory without a name any more, which PyTorch's file_descriptor strategy passes tensors by."""
    file = open("/dev/shm/segment", "w+b")
    os.unlink("/dev/shm/segment")
    return _writes(file)


def volume_file():
    return _writes(open("/volume/data", "w+b"))
