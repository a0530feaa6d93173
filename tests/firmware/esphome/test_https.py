"""HTTPS with a certificate authority of one's own: accepted; every other certificate is refused."""

import datetime
import ipaddress
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.firmware.contract.bench import Bench
from tests.firmware.contract.esphome import EsphomeNode
from tests.firmware.contract.node_under_test import LATE_MS, Limits, Setup, ran_for
from tests.firmware.esphome.building import ESPHOME
from tests.live_backend import Person, eventually
from tests.ports import reserve_a_port

pytestmark = [pytest.mark.slow, pytest.mark.built_for_host, pytest.mark.timeout(600)]


class Authority:
    """Signs certificates of servers."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.path = folder / f"{name}.pem"
        certificate = (
            self._start(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, address: str = "127.0.0.1") -> ssl.SSLContext:
        """Give what a server of that address shows."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
        certificate = (
            self._start(subject, key)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        chain = self._folder / "server.pem"
        chain.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        return context

    def _start(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )


@contextmanager
def tls_in_front_of(url: str, context: ssl.SSLContext) -> Iterator[tuple[str, list[bytes]]]:
    """Speak TLS before a backend. Gives the address, and the first bytes of all that came through."""
    where = urlsplit(url)
    listener = socket.create_server(("127.0.0.1", 0))
    came: list[bytes] = []

    def forward(source: socket.socket, to: socket.socket, note: bool) -> None:
        try:
            while data := source.recv(65536):
                if note:
                    came.append(data[:40])
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            # Either side hung up.
            pass

    def serve(plain: socket.socket) -> None:
        try:
            outer = context.wrap_socket(plain, server_side=True)
        except OSError:
            plain.close()
            return
        try:
            inner = socket.create_connection((where.hostname or "", where.port or 0))
        except OSError:
            # The backend's proxy has just ended.
            outer.close()
            return
        with outer, inner:
            back = threading.Thread(target=forward, args=(inner, outer, False), daemon=True)
            back.start()
            forward(outer, inner, True)
            back.join(30)

    def accept() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(plain,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", came
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


ABench = Callable[..., Bench]


@pytest.fixture
def a_bench(owner: Person, tmp_path: Path) -> Iterator[ABench]:
    """Build a bench with TLS before its proxy; words are those of `Setup`, and how often the node asks for commands."""
    authority = Authority(tmp_path, "ours")
    with ExitStack() as ends:

        def build(*, poll_every_s: float = 0.3, ota_port: int = 0, **setup: Any) -> Bench:
            def node(setup: Setup, folder: Path) -> EsphomeNode:
                url, _ = ends.enter_context(tls_in_front_of(setup.url, authority.server()))
                setup = replace(setup, url=url)
                return EsphomeNode(
                    setup,
                    folder,
                    authority=authority.path,
                    poll_every_s=poll_every_s,
                    ota_port=ota_port,
                )

            bench = Bench(owner.backend, owner, node, tmp_path / "node", **setup)
            ends.callback(bench.close)
            return bench

        yield build


def test_a_private_authority_is_accepted_and_the_pump_stays_inside_its_envelope(a_bench: ABench) -> None:
    """Requests hold up the loop here, and the run ends on time all the same."""
    bench = a_bench().start()

    done = bench.outcome(bench.order(700))

    assert done["state"] == "succeeded"
    (run,) = bench.runs()
    assert ran_for(run.ran_ms, 700)
    assert bench.device.secret not in bench.node.log()


def test_an_off_is_asked_for_while_a_pump_runs(a_bench: ABench) -> None:
    """However seldom it asks otherwise: this one would not hear of it for ten minutes."""
    bench = a_bench(poll_every_s=600).start()
    bench.node.stop()
    command = bench.order(29_000)
    bench.start().running(command)

    off = bench.outcome(bench.order(action="off"))

    assert off["state"] == "succeeded"
    assert bench.outcome(command)["reason"] == "off"


def test_a_request_that_holds_up_the_loop_lets_no_pump_run_on(a_bench: ABench) -> None:
    """Nobody looks at the reservoir or hears an `off` meanwhile: after ten seconds of that the run is over."""
    bench = a_bench(limits=Limits(max_run_ms=60_000), link_timeout_s=120).hide_limits().start()
    command = bench.running(bench.order(60_000))

    bench.proxy.fall_silent()
    run = eventually(lambda: (runs := bench.runs()) and runs[0].ended_at and runs[0])
    bench.proxy.mend()

    assert run.ran_ms < 50_000
    done = bench.outcome(command)
    assert (done["state"], done["reason"]) == ("interrupted", "stalled")
    assert abs(done["ran_ms"] - run.ran_ms) < LATE_MS


_UPDATE = """
import sys
from esphome.espota2 import run_ota
sys.exit(run_ota("127.0.0.1", int(sys.argv[1]), None, sys.argv[2])[0])
"""


def test_a_pump_is_off_when_an_update_begins(a_bench: ABench) -> None:
    """By ESPHome's own way, to the program that runs already; only this build listens for updates."""
    port = reserve_a_port(a_bench)
    bench = a_bench(ota_port=port).start()
    command = bench.running(bench.order(29_000))
    assert isinstance(bench.node, EsphomeNode)

    made = subprocess.run(
        [ESPHOME.with_name("python"), "-c", _UPDATE, str(port), bench.node.folder / "program"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert made.returncode == 0, made.stdout + made.stderr
    done = bench.outcome(command)
    assert (done["state"], done["reason"]) == ("interrupted", "update")
    # The new program knows what the old one ran.
    eventually(lambda: bench.node.log().count("]: boot ") == 2)
    assert bench.outcome(bench.order(200))["state"] == "succeeded"
    assert len(bench.runs()) == 2


@pytest.mark.parametrize("wrong", ["somebody else's", "another address's"])
def test_a_wrong_certificate_is_refused(wrong: str, owner: Person, tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    context = theirs.server() if wrong == "somebody else's" else ours.server("127.0.0.2")
    with tls_in_front_of(owner.backend.url, context) as (url, came):
        node = EsphomeNode(Setup(url, "device", "s3cret"), tmp_path / "node", authority=ours.path)
        node.start()
        try:
            eventually(lambda: "its certificate is not trusted" in node.log())
            node.stop()
        finally:
            node.kill()
    # Not a byte of the request, and so not the secret, went out.
    assert came == []
    assert node.edges() == ()
