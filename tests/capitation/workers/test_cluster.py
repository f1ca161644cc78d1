"""A real cluster of two processes on loopback: the same figures as threads, a killed worker survived, what is wrong named."""

import functools
import os
import signal
import time
from dataclasses import replace

import numpy as np
import pytest

from capitation.chance.model import model
from capitation.chance.simulate import Request, SimulationWork, simulate
from capitation.errors import CapitationError, SourceError
from capitation.register.build import build
from capitation.register.cells import read_cells
from capitation.register.document import read_register
from capitation.register.formula import read_formula, tables
from capitation.register.make import make
from capitation.register.weigh import shared, weigh_cells, weigh_persons
from capitation.workers.cluster import versions
from capitation.workers.crew import Scheduler, SchedulerError, Threads, crew
from optimiser.futures.batch import solve_batches
from tests.benchmarks.shift_model import build as programme
from tests.benchmarks.shift_model import draw
from tests.capitation.chance.places import by_line

pytestmark = pytest.mark.deep


def test_cells_weights_and_pence_are_those_of_one_machine(two_workers, tmp_path, pack):
    make(30_000, tmp_path / "r", Threads(1), seed=4, has_lines=True)
    register = read_register(tmp_path / "r")
    formula = tables(read_formula(str(tmp_path / "r" / "formula.toml"), pack), register.codes)
    build(register, tmp_path / "here", Threads(1))
    with crew(two_workers) as workers:
        assert workers.size == 2
        build(register, tmp_path / "there", workers)
        there = weigh_cells(read_cells(tmp_path / "there"), formula, workers)
        direct = weigh_persons(register, formula, workers)
    here = weigh_cells(read_cells(tmp_path / "here"), formula, Threads(1))
    assert read_cells(tmp_path / "there").about == read_cells(tmp_path / "here").about
    assert here.hash == there.hash == direct.hash
    pence = [shared(each.practices(), 98_765_432_10, "practice_code")["share_pence"] for each in (here, there)]
    assert pence[0].equals(pence[1])


def test_faults_of_a_register_are_named_as_on_one_machine(two_workers, tmp_path):
    make(2_000, tmp_path / "r", Threads(1), seed=4)
    (tmp_path / "r" / "persons" / "part-00009.parquet").write_text("nothing")
    with (
        crew(two_workers) as workers,
        pytest.raises(SourceError, match=r"part-00009\.parquet: found a file that cannot be read"),
    ):
        build(read_register(tmp_path / "r"), tmp_path / "there", workers)


def test_chunks_of_a_simulation_draw_the_same_bits(two_workers):
    plans, document = by_line(np.linspace(30_000, 50_000, 6), lines=3)
    made, request = model([plans], document), Request(20_000, 3)
    with crew(two_workers) as workers:
        there = simulate(made, request, SimulationWork(crew=workers))
    assert there.hash == simulate(made, request).hash


def test_batches_of_optimisations_have_the_same_answers(two_workers):
    matrices = changed(programme(draw("1k")), 24)
    with crew(two_workers) as workers:
        there = solve_batches(matrices, workers)
    here = solve_batches(matrices, Threads(1))
    assert [each.status for each in there] == [each.status for each in here]
    assert [each.objective for each in there] == [each.objective for each in here]


def changed(matrix, count):
    rng = np.random.default_rng(1)
    return [replace(matrix, cost=matrix.cost * rng.uniform(0.9, 1.1, matrix.column_count)) for _ in range(count)]


def slow_square(n, folder):
    (folder / f"{os.getpid()}").touch()
    time.sleep(0.1)
    return n * n


def fails(n):
    raise CapitationError(f"part {n} cannot be done")


def kills_its_worker(_n):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_killed_in_the_middle_is_recovered(start_cluster, tmp_path):
    local = start_cluster(2)
    seen = tmp_path / "seen"
    seen.mkdir()
    killed = []

    def watch(done, of):
        if done == 10 and not killed:
            killed.append(int(sorted(seen.iterdir())[0].name))
            os.kill(killed[0], signal.SIGKILL)

    with crew(Scheduler(local.address, seconds=40)) as workers:
        found = workers.each(functools.partial(slow_square, folder=seen), range(40), watch)
    assert killed
    assert found == [n * n for n in range(40)]


def test_the_error_of_a_part_is_raised_as_it_is(two_workers):
    with crew(two_workers) as workers, pytest.raises(CapitationError, match=r"part \d+ cannot be done"):
        workers.each(fails, range(4))


def test_a_part_that_kills_every_worker_is_named(start_cluster, monkeypatch):
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    found = Scheduler(start_cluster(2).address, seconds=40)
    with crew(found) as workers, pytest.raises(SchedulerError, match="ended every worker of the cluster that took it"):
        workers.each(kills_its_worker, [1])


def test_a_scheduler_without_workers_is_named(start_cluster):
    found = Scheduler(start_cluster(0).address, seconds=2)
    with pytest.raises(SchedulerError, match="has no worker after 2 seconds"), crew(found):
        pass


def test_workers_of_another_version_are_named(two_workers, monkeypatch):
    ours = versions()
    monkeypatch.setattr("capitation.workers.cluster._code", lambda: "0" * 12)
    with pytest.raises(SchedulerError) as error, crew(two_workers):
        pass
    assert "run other versions than this machine" in str(error.value)
    assert f"found code {ours['code']}; expected code 000000000000, as here" in str(error.value)


def certificate(folder):
    """Files of an authority, a certificate for 127.0.0.1 and its key, made for this test."""
    import datetime as dt
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = dt.datetime.now(dt.UTC)

    def made(name, key, signed_by, signing, is_authority):
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, signed_by)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
            )
            .sign(signing, hashes.SHA256())
        )

    authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca, cert = (
        made("authority", authority, "authority", authority, True),
        made("here", own, "authority", authority, False),
    )
    files = {name: folder / f"{name}.pem" for name in ("ca", "cert", "key")}
    files["ca"].write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    files["cert"].write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    secret = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files["key"].write_bytes(own.private_bytes(*secret))
    return files


def test_a_cluster_over_tls_works_and_refuses_who_has_no_certificate(start_cluster, tmp_path):
    files = certificate(tmp_path)
    words = ("--tls-ca-file", files["ca"], "--tls-cert", files["cert"], "--tls-key", files["key"])
    local = start_cluster(1, *map(str, words))
    with crew(Scheduler(local.address, files["ca"], files["cert"], files["key"], seconds=40)) as workers:
        assert workers.each(abs, [-1, 2]) == [1, 2]
    (tmp_path / "other").mkdir()
    other = certificate(tmp_path / "other")
    stranger = Scheduler(local.address, other["ca"], other["cert"], other["key"], seconds=2)
    with pytest.raises(SchedulerError, match="cannot be reached within 2 seconds"), crew(stranger):
        pass
