// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Ballot, Closing, Status} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract RemoveIdleTest is ExperimentTest {
    function setUp() public {
        openWith(3);
    }

    function reverts(address someone, bytes memory expected) private {
        vm.expectRevert(expected);
        experiment.removeIdle(someone);
    }

    function removed(address someone, uint256 last) private {
        vm.prank(STRANGER);
        experiment.removeIdle(someone);
        assertEq(lastRoundOf(someone), last, "last round");
    }

    function tooFew(address someone, uint256 misses) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IExperiment.TooFewMisses.selector, someone, misses, 2);
    }

    function tookPart(address someone, uint256 number) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IExperiment.TookPart.selector, someone, number);
    }

    /// @dev Voting ends at the deadline, with the ballots of these two at most; address(0): none.
    function votedRound(uint256 number, address voter) private {
        propose(number);
        if (voter != address(0)) vote(number, voter, Ballot.Approve);
        lapse(number);
    }

    function test_AStrangerCannotBeRemoved() public {
        reverts(STRANGER, abi.encodeWithSelector(IExperiment.NotActive.selector, STRANGER, 0));
    }

    function test_OneThatResignedCannotBeRemoved() public {
        resign(learner(1));
        reverts(learner(1), abi.encodeWithSelector(IExperiment.NotActive.selector, learner(1), 1));
    }

    function test_BeforeTheFirstRoundNobodyIsIdle() public {
        deploy(usualRules());
        enrol(3);
        reverts(learner(1), tooFew(learner(1), 0));
    }

    function test_ANewcomerInItsRoundOfNoticeIsNotIdle() public {
        enrol(learner(3));
        reverts(learner(3), tooFew(learner(3), 0));
    }

    function test_AnOpenRoundIsNoMiss() public {
        votedRound(1, learner(1)); // learner 2 misses
        propose(2);
        reverts(learner(2), tooFew(learner(2), 1));
    }

    function test_TwoBallotsMissedAreEnough() public {
        votedRound(1, learner(1));
        votedRound(2, learner(0)); // learner 1 proposed
        vm.expectEmit(address(experiment));
        emit IExperiment.MembershipEnded(learner(2), 2, 3);
        removed(learner(2), 3);
        assertEq(experiment.round(3).electorate, 7, "the open round");
        lapse(3);
        assertEq(experiment.round(4).electorate, 3, "the next");
    }

    function test_ABallotMissedAndATurnMissedAreEnough() public {
        votedRound(1, learner(1));
        passTurn(2);
        lapse(3); // proposer: learner 2
        removed(learner(2), 4);
    }

    function test_TurnsMissedAloneAreEnough() public {
        lapse(1);
        passTurn(2);
        passTurn(3);
        lapse(4);
        removed(learner(0), 5);
    }

    function test_OneMissIsNotEnough() public {
        votedRound(1, learner(1));
        passTurn(2);
        passTurn(3);
        reverts(learner(2), tooFew(learner(2), 1));
    }

    function test_RoundsThatOthersSkippedAreNoMisses() public {
        lapse(1);
        lapse(2);
        reverts(learner(2), tooFew(learner(2), 0));
    }

    function test_PassingATurnIsNoMiss() public {
        passTurn(1);
        passTurn(2);
        passTurn(3);
        passTurn(4);
        reverts(learner(0), tooFew(learner(0), 0));
    }

    function test_RoundsClosedEarlyAreNoMisses() public {
        IExperiment.Rules memory rules = usualRules();
        rules.closeEarly = true;
        openWith(4, rules);
        propose(1);
        vote(1, learner(1), Ballot.Approve);
        vote(1, learner(2), Ballot.Approve);
        propose(2);
        vote(2, learner(0), Ballot.Approve);
        vote(2, learner(2), Ballot.Approve);
        assertClosed(2, Status.Accepted, Closing.Certain);
        reverts(learner(3), tooFew(learner(3), 0));
    }

    function test_ABallotInTheOpenRoundSaves() public {
        votedRound(1, learner(1));
        votedRound(2, learner(0));
        propose(3); // learner 2
        reverts(learner(2), tookPart(learner(2), 3));
    }

    function test_ABallotSinceTheMissesSaves() public {
        votedRound(1, learner(1));
        votedRound(2, learner(0));
        passTurn(3);
        votedRound(4, learner(2));
        reverts(learner(2), tookPart(learner(2), 4));
    }

    function test_ARefusalAlsoShowsThatOneTookPart() public {
        propose(1);
        vote(1, learner(2), Ballot.Unavailable);
        reverts(learner(2), tookPart(learner(2), 1));
    }

    function test_AProposalThatWasRejectedSaves() public {
        votedRound(1, address(0));
        reverts(learner(0), tookPart(learner(0), 1));
    }

    function test_OlderBallotsDoNotSave() public {
        propose(1);
        vote(1, learner(1), Ballot.Approve);
        vote(1, learner(2), Ballot.Approve);
        votedRound(2, learner(0));
        lapse(3);
        removed(learner(2), 4);
    }

    function test_RoundsOfAnEarlierMembershipDoNotCount() public {
        votedRound(1, learner(1));
        votedRound(2, learner(0));
        resign(learner(2));
        lapse(3);
        join(learner(2)); // open round 4, so from round 6
        lapse(4);
        lapse(5);
        reverts(learner(2), tooFew(learner(2), 0));
    }

    function test_RoundsOfTheFormerHolderOfTheSeatDoNotCount() public {
        openWith(4);
        votedRound(1, learner(1));
        votedRound(2, learner(0));
        resign(learner(3));
        lapse(3);
        enrol(learner(4)); // on seat 3
        passTurn(4);
        passTurn(5);
        reverts(learner(4), tooFew(learner(4), 0));
    }

    function test_OneUnderNoticeOfRemovalMayBeRemovedEarlier() public {
        votedRound(1, learner(1));
        votedRound(2, learner(0));
        remove(learner(2));
        assertEq(lastRoundOf(learner(2)), 4, "announced");
        removed(learner(2), 3);
    }

    function test_TheInvitationStays() public {
        votedRound(1, learner(1));
        votedRound(2, learner(0));
        removed(learner(2), 3);
        assertTrue(experiment.snapshot(learner(2)).invited, "invited");
    }

    function test_InAPauseRemovalIsAtOnce() public {
        votedRound(1, learner(1));
        resign(learner(0));
        votedRound(2, address(0));
        resign(learner(1));
        passTurn(3);
        assertPhase(IExperiment.Phase.Joining);
        removed(learner(2), 3);
        assertEq(experiment.snapshot(address(0)).active, 0, "active");
    }

    /// @dev Two ballots missed, then so many rounds that say nothing, the open one included.
    function missesThenSilence(uint256 quiet) private {
        IExperiment.Rules memory rules = usualRules();
        openWith(3, rules);
        votedRound(1, learner(1));
        votedRound(2, learner(0));
        for (uint256 number = 3; number < quiet + 2; ++number) {
            passTurn(number);
        }
        assertEq(current(), quiet + 2, "number");
    }

    function test_TheWalkReaches64RoundsForEachMiss() public {
        missesThenSilence(126); // rounds 1 to 128
        removed(learner(2), 128);
    }

    function test_TheWalkReachesNoFurther() public {
        missesThenSilence(127);
        reverts(learner(2), tooFew(learner(2), 1));
    }

    /// @dev As dear as it gets: 2,048 rounds, decided without the learner but for its own turns, the oldest of which is
    /// the miss that makes enough.
    function test_TheLongestWalkStaysUnder5MillionGas() public {
        IExperiment.Rules memory rules = usualRules();
        rules.idleRounds = 32;
        rules.maxRounds = 3000;
        rules.thresholdBps = 1;
        rules.closeEarly = true;
        openWith(64, rules);
        uint256 nowIs = DEPLOYED_AT;
        for (uint256 number = 1; number <= 2060; ++number) {
            uint256 turn = (number - 1) % 64;
            vm.prank(learner(turn));
            if (turn == 63) {
                experiment.passTurn(number);
                continue;
            }
            experiment.propose(number, MODEL);
            if (turn == 13) {
                nowIs += rules.votingWindow + 1;
                vm.warp(nowIs);
                experiment.advance(number);
            } else {
                vm.prank(learner(turn == 1 ? 2 : 1));
                experiment.castBallot(number, MODEL, uint8(Ballot.Approve));
            }
        }
        vm.cool(address(experiment));
        uint256 before = gasleft();
        experiment.removeIdle(learner(63));
        uint256 transaction = 21_000 + 36 * 16;
        assertTrue(before - gasleft() + transaction < 5_000_000, "gas");
        assertEq(lastRoundOf(learner(63)), 2061, "removed");
    }
}
