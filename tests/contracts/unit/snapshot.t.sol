// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Ballot, Closing, Status} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract SnapshotTest is ExperimentTest {
    function setUp() public {
        vm.roll(123);
        openWith(3);
    }

    function test_BeforeTheStartThereIsNoRoundAndTheSpecsWeightsHold() public {
        deploy(usualRules());
        IExperiment.Snapshot memory expected;
        expected.blockNumber = 123;
        expected.timestamp = DEPLOYED_AT;
        expected.acceptedDigest = SPEC;
        expected.historyHash = experiment.historyHash();
        assertEq(abi.encode(experiment.snapshot(STRANGER)), abi.encode(expected), "snapshot");
    }

    function test_EveryFieldInTheMiddleOfARound() public {
        propose(1);
        vote(1, learner(1), Ballot.Approve);
        vote(1, learner(2), Ballot.Approve);
        vm.warp(DEPLOYED_AT + 5);
        vm.prank(learner(1));
        experiment.propose(2, OTHER_MODEL);
        enrol(learner(3));
        remove(learner(2));
        invite(learner(2));
        IExperiment.Snapshot memory expected = IExperiment.Snapshot({
            blockNumber: 123,
            timestamp: DEPLOYED_AT + 5,
            phase: IExperiment.Phase.Voting,
            number: 2,
            accepted: 1,
            acceptedDigest: MODEL,
            active: 7,
            arriving: 8,
            departing: 4,
            roundWord: experiment.rounds(2, 1)[0].word,
            roundDigest: OTHER_MODEL,
            historyHash: experiment.historyHash(),
            memberships: 4,
            invited: true,
            joined: true,
            seat: 2,
            firstRound: 1,
            lastRound: 3,
            membership: 2
        });
        assertEq(abi.encode(experiment.snapshot(learner(2))), abi.encode(expected), "snapshot");
    }

    function test_AnInvitedWhoHasNotJoined() public {
        invite(STRANGER);
        IExperiment.Snapshot memory view_ = experiment.snapshot(STRANGER);
        assertTrue(view_.invited, "invited");
        assertTrue(!view_.joined, "joined");
    }

    function test_OneThatCameBackIsShownByItsLatestMembership() public {
        resign(learner(1));
        lapse(1);
        join(learner(1));
        IExperiment.Snapshot memory view_ = experiment.snapshot(learner(1));
        assertEq(view_.membership, 3, "membership");
        assertEq(view_.firstRound, 4, "first round");
        assertEq(view_.lastRound, NO_END, "last round");
    }

    function test_AfterTheLastRoundItsWordIsShown() public {
        IExperiment.Rules memory rules = usualRules();
        rules.maxRounds = 1;
        openWith(2, rules);
        propose(1);
        vote(1, learner(1), Ballot.Approve);
        IExperiment.Snapshot memory view_ = experiment.snapshot(learner(0));
        assertEq(uint256(view_.phase), uint256(IExperiment.Phase.Finished), "phase");
        assertEq(view_.number, 1, "number");
        assertEq(view_.roundDigest, MODEL, "digest");
        assertEq(view_.acceptedDigest, MODEL, "accepted digest");
        assertEq(uint8(view_.roundWord >> 200), uint8(Status.Accepted), "status");
    }
}
