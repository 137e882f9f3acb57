// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Ballot, Closing, Status} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract JoinTest is ExperimentTest {
    bytes32 private constant KEY = keccak256("an X25519 key");

    function setUp() public {
        deploy(usualRules());
    }

    function reverts(address caller, bytes memory expected) private {
        vm.prank(caller);
        vm.expectRevert(expected);
        experiment.join(NO_KEY);
    }

    function test_JoiningWithoutInvitationReverts() public {
        reverts(STRANGER, abi.encodeWithSelector(IExperiment.NotInvited.selector, STRANGER));
    }

    function test_JoiningAfterRemovalReverts() public {
        enrol(1);
        remove(learner(0));
        reverts(learner(0), abi.encodeWithSelector(IExperiment.NotInvited.selector, learner(0)));
    }

    function test_JoiningTwiceBeforeTheStartReverts() public {
        enrol(1);
        reverts(learner(0), abi.encodeWithSelector(IExperiment.AlreadyMember.selector, learner(0), NO_END));
    }

    function test_JoiningAgainInTheLastRoundOfAMembershipReverts() public {
        enrol(3);
        start();
        resign(learner(2));
        reverts(learner(2), abi.encodeWithSelector(IExperiment.AlreadyMember.selector, learner(2), 1));
        lapse(1);
        join(learner(2));
    }

    function test_JoiningAgainInARoundOfNoticeReverts() public {
        enrol(3);
        start();
        remove(learner(2));
        invite(learner(2));
        lapse(1);
        reverts(learner(2), abi.encodeWithSelector(IExperiment.AlreadyMember.selector, learner(2), 2));
        lapse(2);
        join(learner(2));
    }

    function pauseAfterRoundOne() private {
        enrol(2);
        start();
        enrol(learner(2)); // from round 3
        remove(learner(1)); // with round 2
        resign(learner(0));
        lapse(1);
        assertPhase(IExperiment.Phase.Joining);
    }

    function test_JoiningInAPauseWhileTheOldMembershipCoversTheNextRoundReverts() public {
        pauseAfterRoundOne();
        invite(learner(1));
        reverts(learner(1), abi.encodeWithSelector(IExperiment.AlreadyMember.selector, learner(1), 2));
    }

    function test_JoiningAgainInAPauseAfterTheMembershipEnded() public {
        pauseAfterRoundOne();
        join(learner(0));
        IExperiment.Membership memory again = experiment.memberships(3, 1)[0];
        assertEq(again.firstRound, 2, "first round");
        assertEq(again.seat, 0, "seat");
        assertEq(again.closings, 1, "closings");
        start();
        assertEq(experiment.round(2).electorate, 3, "electorate");
    }

    function test_JoiningWhenTheFirstRoundWouldBePastTheLastReverts() public {
        IExperiment.Rules memory rules = usualRules();
        rules.maxRounds = 2;
        openWith(2, rules);
        invite(learner(2));
        reverts(learner(2), abi.encodeWithSelector(IExperiment.TooLateToJoin.selector, 3, 2));
    }

    function test_JoiningForTheVeryLastRound() public {
        IExperiment.Rules memory rules = usualRules();
        rules.maxRounds = 3;
        openWith(2, rules);
        enrol(learner(2));
        assertEq(experiment.snapshot(learner(2)).firstRound, 3, "first round");
    }

    function test_JoiningAFinishedExperimentReverts() public {
        IExperiment.Rules memory rules = usualRules();
        rules.maxRounds = 1;
        openWith(2, rules);
        lapse(1);
        invite(learner(2));
        reverts(learner(2), abi.encodeWithSelector(IExperiment.TooLateToJoin.selector, 2, 1));
    }

    function test_The65thLearnerIsRefused() public {
        enrol(64);
        invite(learner(64));
        reverts(learner(64), abi.encodeWithSelector(IExperiment.NoSeatFree.selector));
    }

    function test_ASeatThatIsStillInTheOpenElectorateIsNotFree() public {
        enrol(64);
        start();
        resign(learner(7));
        invite(learner(64));
        reverts(learner(64), abi.encodeWithSelector(IExperiment.NoSeatFree.selector));
        lapse(1);
        join(learner(64));
        assertEq(seatOf(learner(64)), 7, "seat");
    }

    function test_ASeatThatIsAnnouncedForALaterRoundIsNotFree() public {
        enrol(63);
        start();
        enrol(learner(63));
        invite(learner(64));
        reverts(learner(64), abi.encodeWithSelector(IExperiment.NoSeatFree.selector));
    }

    function test_TheLowestFreeSeatIsTaken() public {
        enrol(5);
        resign(learner(1));
        resign(learner(3));
        enrol(learner(5));
        assertEq(seatOf(learner(5)), 1, "first seat");
        enrol(learner(6));
        assertEq(seatOf(learner(6)), 3, "second seat");
    }

    function test_BeforeTheFirstRoundMembershipBeginsWithIt() public {
        invite(learner(0));
        bytes32 hash = keccak256(abi.encode(experiment.historyHash(), 0, learner(0), 0, 1, KEY));
        vm.expectEmit(address(experiment));
        emit IExperiment.Joined(learner(0), 0, 0, 1, KEY);
        vm.prank(learner(0));
        experiment.join(KEY);
        IExperiment.Membership memory expected = IExperiment.Membership(learner(0), 0, 1, uint24(NO_END), 0, KEY);
        assertEq(abi.encode(experiment.memberships(0, 1)[0]), abi.encode(expected), "membership");
        assertEq(experiment.historyHash(), hash, "history hash");
        assertEq(experiment.snapshot(address(0)).active, 1, "active");
        assertTrue(experiment.snapshot(learner(0)).invited, "the invitation stays");
    }

    function test_InAnOpenRoundMembershipBeginsWithTheRoundAfterTheNext() public {
        enrol(2);
        start();
        invite(learner(2));
        bytes32 hash = keccak256(abi.encode(experiment.historyHash(), 2, learner(2), 2, 3, NO_KEY));
        vm.expectEmit(address(experiment));
        emit IExperiment.Joined(learner(2), 2, 2, 3, NO_KEY);
        join(learner(2));
        assertEq(experiment.historyHash(), hash, "history hash");
        assertEq(experiment.memberships(2, 1)[0].closings, 0, "closings");
        assertEq(experiment.snapshot(learner(2)).arriving, 4, "arriving");
        lapse(1);
        assertEq(experiment.round(2).electorate, 3, "a round of notice");
        lapse(2);
        assertEq(experiment.round(3).electorate, 7, "there");
    }

    function test_ClosingsCountTheRoundsThatHadClosed() public {
        enrol(2);
        start();
        lapse(1);
        lapse(2);
        enrol(learner(2));
        assertEq(experiment.memberships(2, 1)[0].closings, 2, "closings");
    }

    function test_AnArrivalWaitsThroughAPause() public {
        pauseAfterRoundOne();
        enrol(learner(3)); // from round 2
        start();
        assertEq(experiment.round(2).electorate, 3, "the newcomer of the pause, on seat 0, and learner 1");
        lapse(2);
        assertPhase(IExperiment.Phase.Proposing);
        assertEq(experiment.round(3).electorate, 5, "the arrival of round 1, without learner 1");
    }

    function test_ANewMembershipHasItsOwnKey() public {
        enrol(2);
        resign(learner(0));
        vm.prank(learner(0));
        experiment.join(KEY);
        assertEq(experiment.memberships(0, 1)[0].encryptionKey, 0, "old");
        assertEq(experiment.memberships(2, 1)[0].encryptionKey, KEY, "new");
    }
}
