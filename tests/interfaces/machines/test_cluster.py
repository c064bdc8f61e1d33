"""The model of a cluster: who starts when, and what its queue and its accounts tell afterwards."""

from events.jobs import After, Dependency, JobOptions, JobRequest, JobState, Token
from events.machines import Queue
from interfaces.machines.simulated.cluster import Cluster
from interfaces.machines.simulated.fates import Fate, Seeded
from interfaces.machines.simulated.job import SimulatedJob


def submit(
    cluster: Cluster,
    name: str,
    fate: Fate | None = None,
    *,
    nodes: int = 1,
    walltime: int = 10,
    **options: object,
) -> SimulatedJob:
    """A job that takes its whole walltime, unless its fate says otherwise."""
    said = JobOptions.model_validate(options)
    request = JobRequest(
        token=Token(name), executable="x", walltime=walltime, nodes=nodes, options=said
    )
    return cluster.accept(request, 1, [fate or Fate(run=walltime)])[0]


def starts(cluster: Cluster) -> dict[Token, float | None]:
    return {job.token: job.started for job in cluster.jobs}


def test_the_first_starts_first_and_wide_jobs_wait_for_room() -> None:
    cluster = Cluster(slots=2)
    for name, nodes in (("a", 1), ("b", 2), ("c", 1)):
        submit(cluster, name, nodes=nodes)
    cluster.advance(100)
    assert starts(cluster) == {"a": 0, "b": 10, "c": 0}  # c is over by the time b can start


def test_what_would_delay_the_first_is_not_started_before_it() -> None:
    cluster = Cluster(slots=2)
    submit(cluster, "a")
    submit(cluster, "wide", nodes=2)
    submit(cluster, "long", walltime=11)
    cluster.advance(100)
    assert starts(cluster) == {"a": 0, "wide": 10, "long": 20}


def test_room_that_the_first_leaves_is_used_for_long_jobs() -> None:
    cluster = Cluster(slots=4)
    submit(cluster, "a", nodes=2)
    submit(cluster, "wide", nodes=3)
    submit(cluster, "long", walltime=1000)
    submit(cluster, "another", walltime=1000)
    cluster.advance(15)
    assert starts(cluster) == {"a": 0, "wide": 10, "long": 0, "another": None}


def test_a_higher_priority_goes_first() -> None:
    cluster = Cluster(slots=1, priorities={"urgent": 1, "express": 2})
    submit(cluster, "running")
    cluster.advance(1)
    submit(cluster, "plain")
    submit(cluster, "urgent", qos="urgent")
    submit(cluster, "express", queue="express")
    cluster.advance(100)
    assert starts(cluster) == {"running": 0, "express": 10, "urgent": 20, "plain": 30}


def test_a_preempted_job_runs_again_as_its_next_attempt() -> None:
    cluster = Cluster(slots=1)
    job = submit(cluster, "a", Fate(run=5, preempted=3))
    submit(cluster, "b")
    cluster.advance(2)
    assert (job.state, job.attempt) == (JobState.RUNNING, 1)
    cluster.advance(4)
    assert (job.state, job.attempt, job.started) == (JobState.RUNNING, 2, 3)
    cluster.advance(100)
    assert (job.state, job.attempt, job.ended) == (JobState.COMPLETED, 2, 8)


def test_others_are_waited_for() -> None:
    cluster = Cluster(slots=3)
    submit(cluster, "fails", Fate(run=4, exit_code=1))
    for name, on in (("started", After.STARTED), ("ended", After.ENDED), ("ok", After.SUCCEEDED)):
        submit(cluster, name, after=(Dependency(token=Token("fails"), on=on),))
    cluster.advance(100)
    assert starts(cluster) == {"fails": 0, "started": 0, "ended": 4, "ok": None}


def test_what_waits_for_the_start_of_what_never_starts_goes_on() -> None:
    cluster = Cluster(slots=1)
    submit(cluster, "first", Fate(run=9))
    submit(cluster, "never")
    submit(cluster, "after", after=(Dependency(token=Token("never"), on=After.STARTED),))
    cluster.cancel(Token("never"))
    cluster.advance(100)
    assert starts(cluster) == {"first": 0, "never": None, "after": 9}


def test_what_waits_for_another_end_is_cancelled_or_stays() -> None:
    for cancels, state in ((True, JobState.CANCELLED), (False, JobState.QUEUED)):
        cluster = Cluster(slots=3, cancels_in_vain=cancels)
        submit(cluster, "fails", Fate(run=4, exit_code=1))
        after = (Dependency(token=Token("fails")),)
        array = JobRequest(
            token=Token("ok"), executable="x", walltime=9, instances=2, options={"after": after}
        )
        jobs = cluster.accept(array, 1, [Fate(run=1), Fate(run=1)])
        cluster.advance(3)
        assert [job.state for job in jobs] == [JobState.QUEUED] * 2
        cluster.advance(100)
        assert [job.state for job in jobs] == [state] * 2
        assert [cluster.waits_in_vain(job) for job in jobs] == [not cancels] * 2


def test_what_its_queue_does_not_let_start_waits_for_ever() -> None:
    queues = (
        Queue(name="work", open=True),
        Queue(name="short", walltime=5),
        Queue(name="down", open=False),
    )
    cluster = Cluster(slots=3, queues=queues)
    for queue in ("", "short", "down"):
        submit(cluster, f"v{queue}", queue=queue)
    cluster.advance(1000)
    assert starts(cluster) == {"v": 0, "vshort": None, "vdown": None}


def test_the_queue_forgets_and_the_accounts_are_late() -> None:
    cluster = Cluster(slots=2, keeps=5, accounts_lag=8)
    plain, gone = submit(cluster, "plain"), submit(cluster, "gone", Fate(run=10, vanishes=True))
    told = {}
    for now in (9.0, 10.0, 14.9, 15.0, 17.9, 18.0):
        cluster.advance(now)
        told[now] = (cluster.shown(), cluster.accounted())
    assert told == {
        9.0: ([plain, gone], []),
        10.0: ([plain], []),
        14.9: ([plain], []),
        15.0: ([], []),
        17.9: ([], []),
        18.0: ([], [plain, gone]),
    }


def test_preemption_comes_by_lot_and_changes_no_other_lot() -> None:
    requests = [JobRequest(token=Token(f"v{n}"), executable="x", walltime=99) for n in range(200)]
    without, often = Seeded(seed=4, failure=0.1), Seeded(seed=4, failure=0.1, preemption=0.3)
    preempted = [often.fate(one).preempted is not None for one in requests]
    assert 40 < sum(preempted) < 80
    for request in requests:
        fate, before = often.fate(request), without.fate(request)
        assert before.preempted is None
        assert (fate.run, fate.exit_code) == (before.run, before.exit_code)
