"""The testing kit: a workflow runs in milliseconds, on a simulated machine and a clock that jumps.

    @rehearse(wildfire, results={"fire-spread": {"probability.tif": b"canned"}})
    async def test_a_report_leads_to_a_forecast(kit: Kit) -> None:
        incident = await kit.start({"hours": 6})
        await kit.push(incident, "report", b"...")
        assert "probability.tif" in await kit.data_sets(incident)

Every stage is killed at every answer that it gets and run again from its start; one that then makes
other calls than before fails the test.
"""

from workflows.testing.kit import MACHINE, Kit, rehearse

__all__ = ["MACHINE", "Kit", "rehearse"]
