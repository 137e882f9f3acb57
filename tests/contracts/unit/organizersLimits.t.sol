// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Ballot, Closing, Status} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

/// @title What the organizer cannot do, with every call it has.
contract OrganizersLimitsTest is ExperimentTest {
    function setUp() public {
        openWith(5);
    }

    /// @dev Every call of the contract, the organizer's own ones included, whether it is refused or not.
    function doEverything() private {
        address[] memory cronies = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            cronies[i] = address(uint160(0xC401E5 + i));
        }
        attempt(abi.encodeCall(IExperiment.invite, (cronies)));
        for (uint256 i = 0; i < 5; ++i) {
            attempt(abi.encodeCall(IExperiment.remove, (learner(i))));
            attempt(abi.encodeCall(IExperiment.removeIdle, (learner(i))));
        }
        attempt(abi.encodeCall(IExperiment.start, ()));
        attempt(abi.encodeCall(IExperiment.join, (NO_KEY)));
        attempt(abi.encodeCall(IExperiment.resign, ()));
        attempt(abi.encodeCall(IExperiment.propose, (1, OTHER_MODEL)));
        attempt(abi.encodeCall(IExperiment.passTurn, (1)));
        attempt(abi.encodeCall(IExperiment.contribute, (1, OTHER_MODEL)));
        for (uint8 ballot = 1; ballot <= 3; ++ballot) {
            attempt(abi.encodeCall(IExperiment.castBallot, (1, MODEL, ballot)));
        }
        attempt(abi.encodeCall(IExperiment.advance, (1)));
        attempt(abi.encodeCall(IExperiment.transferOrganizer, (STRANGER)));
        vm.prank(STRANGER);
        experiment.transferOrganizer(ORGANIZER);
    }

    function attempt(bytes memory data) private {
        vm.prank(ORGANIZER);
        (bool done,) = address(experiment).call(data);
        done; // either will do: what counts is what has changed afterwards
    }

    function test_ItCannotTouchAnOpenRound() public {
        bytes32 before = keccak256(abi.encode(experiment.round(1)));
        doEverything();
        assertEq(keccak256(abi.encode(experiment.round(1))), before, "while it is proposed for");
        propose(1);
        vote(1, learner(1), Ballot.Approve);
        before = keccak256(abi.encode(experiment.round(1)));
        doEverything();
        assertEq(keccak256(abi.encode(experiment.round(1))), before, "while it is voted on");
    }

    function test_ItCannotTouchABallot() public {
        propose(1);
        vote(1, learner(1), Ballot.Approve);
        vote(1, learner(2), Ballot.Reject);
        doEverything();
        assertBallot(1, 1, Ballot.Approve);
        assertBallot(1, 2, Ballot.Reject);
        assertBallot(1, 3, Ballot.None);
        vote(1, learner(3), Ballot.Approve); // nor keep one from being cast by one that it removed
        assertBallot(1, 3, Ballot.Approve);
    }

    function test_ItCannotTouchADigest() public {
        propose(1);
        doEverything();
        assertEq(experiment.round(1).digest, MODEL, "open");
        lapse(1);
        doEverything();
        assertEq(experiment.round(1).digest, MODEL, "closed");
    }

    function test_ItCannotTouchTheRules() public {
        bytes32 before = keccak256(abi.encode(experiment.rules(), experiment.specDigest()));
        doEverything();
        assertEq(keccak256(abi.encode(experiment.rules(), experiment.specDigest())), before, "rules");
    }

    function test_ItCannotTouchClosedRounds() public {
        propose(1);
        vote(1, learner(1), Ballot.Approve);
        lapse(1);
        bytes32 before = keccak256(abi.encode(experiment.rounds(1, 1)));
        doEverything();
        assertEq(keccak256(abi.encode(experiment.rounds(1, 1))), before, "round 1");
    }

    function test_ItsNewcomersHaveNoSayInTheOpenRoundNorInTheNext() public {
        enrol(learner(5));
        assertEq(experiment.round(1).electorate, 31, "the open one");
        lapse(1);
        assertEq(experiment.round(2).electorate, 31, "the next");
        lapse(2);
        assertEq(experiment.round(3).electorate, 63, "the one after");
    }

    function test_OneThatItRemovesTakesPartInTheOpenRoundAndInTheNext() public {
        remove(learner(1));
        propose(1);
        vote(1, learner(1), Ballot.Approve);
        lapse(1);
        assertEq(experiment.round(2).proposer, 1, "its turn");
        propose(2);
        assertEq(experiment.round(2).digest, MODEL, "digest");
        lapse(2);
        assertEq(experiment.round(3).electorate, 29, "gone");
    }

    function test_RemovingEveryoneLetsTheOpenRoundAndTheNextBeDecided() public {
        for (uint256 i = 0; i < 5; ++i) {
            remove(learner(i));
        }
        for (uint256 number = 1; number <= 2; ++number) {
            propose(number);
            for (uint256 i = 0; i < 5; ++i) {
                if (i != number - 1) vote(number, learner(i), Ballot.Approve);
            }
            assertClosed(number, Status.Accepted, Closing.Complete);
        }
        assertPhase(IExperiment.Phase.Joining);
    }

    function test_ItCannotStopAnExperimentNorFinishIt() public {
        doEverything();
        assertPhase(IExperiment.Phase.Proposing);
        assertEq(current(), 1, "number");
    }

    function test_HavingHandedItsRoleOverItHasNothing() public {
        vm.prank(ORGANIZER);
        experiment.transferOrganizer(STRANGER);
        bytes[] memory calls = new bytes[](4);
        calls[0] = abi.encodeCall(IExperiment.invite, (new address[](0)));
        calls[1] = abi.encodeCall(IExperiment.remove, (learner(1)));
        calls[2] = abi.encodeCall(IExperiment.transferOrganizer, (ORGANIZER));
        calls[3] = abi.encodeCall(IExperiment.renounceOrganizer, ());
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(ORGANIZER);
            (bool done, bytes memory data) = address(experiment).call(calls[i]);
            assertTrue(!done, "call");
            assertEq(data, abi.encodeWithSelector(IExperiment.NotOrganizer.selector, ORGANIZER), "error");
        }
    }

    function test_OnceRenouncedNobodyCanTakeTheRoleUpAndRoundsGoOn() public {
        vm.prank(ORGANIZER);
        experiment.renounceOrganizer();
        address[3] memory callers = [ORGANIZER, STRANGER, learner(0)];
        for (uint256 i = 0; i < callers.length; ++i) {
            vm.prank(callers[i]);
            vm.expectRevert(abi.encodeWithSelector(IExperiment.NotOrganizer.selector, callers[i]));
            experiment.transferOrganizer(callers[i]);
        }
        lapse(1);
        assertPhase(IExperiment.Phase.Proposing);
    }
}
