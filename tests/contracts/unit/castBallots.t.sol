// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {Ballot, Closing, Status} from "../../../contracts/types/Round.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract CastBallotsTest is ExperimentTest {
    /// @dev Half the order of secp256k1, rounded down.
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    bytes32 private constant GENERATOR_X = 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798;
    bytes32 private constant BALLOT_TYPE = keccak256("Ballot(uint256 round,bytes32 digest,uint8 ballot)");

    function setUp() public {
        vm.chainId(4711);
        open(usualRules());
    }

    /// @dev Five learners that have keys, on seats 0 to 4, and a proposal by the first.
    function open(IExperiment.Rules memory rules) private {
        deploy(rules);
        for (uint256 i = 0; i < 5; ++i) {
            enrol(signer(i));
        }
        start();
        propose(1);
    }

    function signer(uint256 i) private pure returns (address) {
        return vm.addr(0xB0B + i);
    }

    function sign(uint256 i, bytes32 domain, uint256 number, bytes32 digest, Ballot ballot)
        private
        pure
        returns (IExperiment.Signature memory)
    {
        bytes32 hash = keccak256(abi.encode(BALLOT_TYPE, number, digest, ballot));
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(0xB0B + i, keccak256(abi.encodePacked(hex"1901", domain, hash)));
        return IExperiment.Signature(r, bytes32((uint256(v - 27) << 255) | uint256(s)));
    }

    function sign(uint256 i, Ballot ballot) private view returns (IExperiment.Signature memory) {
        return sign(i, experiment.domainSeparator(), 1, MODEL, ballot);
    }

    function list(IExperiment.Signature memory one) private pure returns (IExperiment.Signature[] memory all) {
        all = new IExperiment.Signature[](1);
        all[0] = one;
    }

    function list(IExperiment.Signature memory one, IExperiment.Signature memory other)
        private
        pure
        returns (IExperiment.Signature[] memory all)
    {
        all = new IExperiment.Signature[](2);
        (all[0], all[1]) = (one, other);
    }

    function batch(Ballot ballot, IExperiment.Signature[] memory all)
        private
        pure
        returns (IExperiment.Signature[][3] memory signatures)
    {
        signatures[uint256(ballot) - 1] = all;
    }

    function everyone(Ballot ballot) private view returns (IExperiment.Signature[][3] memory) {
        IExperiment.Signature[] memory all = new IExperiment.Signature[](4);
        for (uint256 i = 0; i < 4; ++i) {
            all[i] = sign(i + 1, ballot);
        }
        return batch(ballot, all);
    }

    function cast(IExperiment.Signature[][3] memory signatures) private returns (uint256) {
        vm.prank(STRANGER);
        return experiment.castBallots(1, MODEL, signatures);
    }

    function reverts(uint256 number, bytes32 digest, bytes memory expected) private {
        IExperiment.Signature[][3] memory signatures = everyone(Ballot.Approve);
        vm.expectRevert(expected);
        experiment.castBallots(number, digest, signatures);
    }

    /// @dev As an approval it is skipped for this reason, and a good one beside it counts, whichever comes first.
    function spoilsOnlyItself(IExperiment.Signature memory bad, address recovered, IExperiment.Skip reason) private {
        IExperiment.Signature memory good = sign(2, Ballot.Approve);
        vm.expectEmit(address(experiment));
        emit IExperiment.BallotSkipped(1, recovered, Ballot.Approve, reason);
        vm.expectEmit(address(experiment));
        emit IExperiment.Voted(1, signer(2), Ballot.Approve);
        assertEq(cast(batch(Ballot.Approve, list(bad, good))), 1, "counted after it");
        good = sign(3, Ballot.Approve);
        assertEq(cast(batch(Ballot.Approve, list(good, bad))), 1, "counted before it");
        assertEq(experiment.round(1).approvals, 12, "approvals");
        assertEq(experiment.round(1).rejections | experiment.round(1).unavailables, 0, "others");
    }

    function recover(IExperiment.Signature memory signed) private view returns (address) {
        bytes32 hash = keccak256(abi.encode(BALLOT_TYPE, 1, MODEL, Ballot.Approve));
        hash = keccak256(abi.encodePacked(hex"1901", experiment.domainSeparator(), hash));
        return ecrecover(hash, uint8(27 + (uint256(signed.vs) >> 255)), signed.r, (signed.vs << 1) >> 1);
    }

    function isForeign(IExperiment.Signature memory signed) private {
        spoilsOnlyItself(signed, recover(signed), IExperiment.Skip.NotMember);
    }

    function test_ABatchForARoundThatWasNeverOpenedReverts() public {
        reverts(2, MODEL, abi.encodeWithSelector(IExperiment.NotVoting.selector, 2, Status.None));
    }

    function test_ABatchForAClosedRoundRevertsWithItsOutcome() public {
        lapse(1);
        reverts(1, MODEL, abi.encodeWithSelector(IExperiment.NotVoting.selector, 1, Status.Rejected));
    }

    function test_ABatchASecondAfterTheDeadlineReverts() public {
        vm.warp(DEPLOYED_AT + 301);
        reverts(1, MODEL, abi.encodeWithSelector(IExperiment.DeadlinePassed.selector, 1, DEPLOYED_AT + 300));
    }

    function test_ABatchAtTheExactDeadlineCounts() public {
        vm.warp(DEPLOYED_AT + 300);
        assertEq(cast(everyone(Ballot.Approve)), 4, "counted");
    }

    function test_ABatchOnAnotherDigestReverts() public {
        bytes memory expected = abi.encodeWithSelector(IExperiment.DigestMismatch.selector, 1, OTHER_MODEL, MODEL);
        reverts(1, OTHER_MODEL, expected);
    }

    function test_AStrangerBringsEveryonesBallotsAndClosesTheRound() public {
        IExperiment.Signature[][3] memory signatures = everyone(Ballot.Approve);
        for (uint256 i = 1; i < 5; ++i) {
            vm.expectEmit(address(experiment));
            emit IExperiment.Voted(1, signer(i), Ballot.Approve);
        }
        assertEq(cast(signatures), 4, "counted");
        assertClosed(1, Status.Accepted, Closing.Complete);
        assertEq(current(), 2, "number");
    }

    function test_EachOfTheThreeBallotsIsRecordedAsItWasSigned() public {
        IExperiment.Signature[][3] memory signatures;
        signatures[0] = list(sign(1, Ballot.Approve));
        signatures[1] = list(sign(2, Ballot.Reject));
        signatures[2] = list(sign(3, Ballot.Unavailable));
        vm.expectEmit(address(experiment));
        emit IExperiment.Voted(1, signer(1), Ballot.Approve);
        vm.expectEmit(address(experiment));
        emit IExperiment.Voted(1, signer(2), Ballot.Reject);
        vm.expectEmit(address(experiment));
        emit IExperiment.Voted(1, signer(3), Ballot.Unavailable);
        assertEq(cast(signatures), 3, "counted");
        IExperiment.RoundView memory view_ = experiment.round(1);
        assertEq(view_.approvals, 2, "approvals");
        assertEq(view_.rejections, 4, "rejections");
        assertEq(view_.unavailables, 8, "unavailables");
        assertClosed(1, Status.Voting, Closing.None);
    }

    function test_ABatchThatDecidesClosesEarlyWhereTheRuleSaysSo() public {
        IExperiment.Rules memory rules = usualRules();
        rules.closeEarly = true;
        open(rules);
        cast(batch(Ballot.Reject, list(sign(1, Ballot.Reject), sign(2, Ballot.Reject))));
        assertClosed(1, Status.Rejected, Closing.Certain);
    }

    function test_AnEmptyBatchChangesNothing() public {
        IExperiment.Signature[][3] memory nothing;
        bytes32 before = keccak256(abi.encode(experiment.rounds(1, 1)));
        assertEq(cast(nothing), 0, "counted");
        assertEq(keccak256(abi.encode(experiment.rounds(1, 1))), before, "round");
    }

    function test_ABatchOfNothingButBadBallotsChangesNothing() public {
        bytes32 before = keccak256(abi.encode(experiment.rounds(1, 1)));
        IExperiment.Signature memory bad = sign(9, Ballot.Approve);
        assertEq(cast(batch(Ballot.Approve, list(bad, bad))), 0, "counted");
        assertEq(keccak256(abi.encode(experiment.rounds(1, 1))), before, "round");
    }

    function test_ASignatureThatIsNoneIsSkipped() public {
        spoilsOnlyItself(IExperiment.Signature(0, 0), address(0), IExperiment.Skip.BadSignature);
    }

    /// @dev The address whose signature over the first round's Approve is the generator's x and half the order.
    function openWithItAmongThem() private returns (address holder, IExperiment.Signature memory signed) {
        deploy(usualRules());
        signed = IExperiment.Signature(GENERATOR_X, bytes32(HALF_ORDER));
        holder = recover(signed);
        enrol(3);
        enrol(holder);
        start();
        propose(1);
    }

    function test_AMalleatedSignatureOfAMemberIsSkipped() public {
        (address holder, IExperiment.Signature memory signed) = openWithItAmongThem();
        signed.vs = bytes32((uint256(1) << 255) | (HALF_ORDER + 1)); // the same signature's other form
        assertEq(recover(signed), holder, "a valid signature elsewhere");
        vm.expectEmit(address(experiment));
        emit IExperiment.BallotSkipped(1, address(0), Ballot.Approve, IExperiment.Skip.BadSignature);
        assertEq(cast(batch(Ballot.Approve, list(signed))), 0, "counted");
    }

    function test_ASignatureWithTheLargestLowerSCounts() public {
        (, IExperiment.Signature memory signed) = openWithItAmongThem();
        assertEq(cast(batch(Ballot.Approve, list(signed))), 1, "counted");
        assertBallot(1, 3, Ballot.Approve);
    }

    function test_AStrangersSignatureIsSkipped() public {
        spoilsOnlyItself(sign(9, Ballot.Approve), signer(9), IExperiment.Skip.NotMember);
    }

    function test_ANewcomersSignatureInItsRoundOfNoticeIsSkipped() public {
        enrol(signer(5));
        spoilsOnlyItself(sign(5, Ballot.Approve), signer(5), IExperiment.Skip.NotMember);
    }

    function test_TheProposersSignatureIsSkippedWhereItsBallotDoesNotCount() public {
        spoilsOnlyItself(sign(0, Ballot.Approve), signer(0), IExperiment.Skip.NoBallot);
    }

    function test_TheProposersSignatureCountsWhereTheRuleSaysSo() public {
        IExperiment.Rules memory rules = usualRules();
        rules.countProposer = true;
        open(rules);
        assertEq(cast(batch(Ballot.Approve, list(sign(0, Ballot.Approve)))), 1, "counted");
        assertBallot(1, 0, Ballot.Approve);
    }

    function test_ABallotOnRecordIsSkippedAndStays() public {
        vote(1, signer(1), Ballot.Unavailable);
        vm.expectEmit(address(experiment));
        emit IExperiment.BallotSkipped(1, signer(1), Ballot.Approve, IExperiment.Skip.AlreadyVoted);
        assertEq(cast(batch(Ballot.Approve, list(sign(1, Ballot.Approve)))), 0, "counted");
        assertBallot(1, 1, Ballot.Unavailable);
    }

    function test_ABallotTwiceInABatchCountsOnce() public {
        IExperiment.Signature memory twice = sign(1, Ballot.Reject);
        assertEq(cast(batch(Ballot.Reject, list(twice, twice))), 1, "counted");
        assertEq(experiment.round(1).rejections, 2, "rejections");
    }

    function test_TheLaterOfTwoDifferentBallotsOfALearnerInABatchIsSkipped() public {
        IExperiment.Signature[][3] memory signatures;
        signatures[0] = list(sign(1, Ballot.Approve));
        signatures[2] = list(sign(1, Ballot.Unavailable));
        vm.expectEmit(address(experiment));
        emit IExperiment.Voted(1, signer(1), Ballot.Approve);
        vm.expectEmit(address(experiment));
        emit IExperiment.BallotSkipped(1, signer(1), Ballot.Unavailable, IExperiment.Skip.AlreadyVoted);
        assertEq(cast(signatures), 1, "counted");
        assertBallot(1, 1, Ballot.Approve);
    }

    function test_ABallotSignedForAnotherRoundIsSkipped() public {
        isForeign(sign(1, experiment.domainSeparator(), 2, MODEL, Ballot.Approve));
    }

    function test_ABallotSignedForAnotherDigestIsSkipped() public {
        isForeign(sign(1, experiment.domainSeparator(), 1, OTHER_MODEL, Ballot.Approve));
    }

    function test_ABallotPassedOffAsAnotherIsSkipped() public {
        isForeign(sign(1, Ballot.Reject)); // among the approvals
    }

    function test_ABallotSignedForAnotherContractIsSkipped() public {
        bytes32 otherDomain = experiment.domainSeparator();
        open(usualRules());
        isForeign(sign(1, otherDomain, 1, MODEL, Ballot.Approve));
    }

    function test_ABallotSignedForAnotherChainIsSkipped() public {
        bytes32 otherDomain = experiment.domainSeparator();
        vm.chainId(4712);
        isForeign(sign(1, otherDomain, 1, MODEL, Ballot.Approve));
    }

    function test_AfterAForkBallotsSignedForTheNewChainCount() public {
        vm.chainId(4712);
        assertEq(cast(batch(Ballot.Approve, list(sign(1, Ballot.Approve)))), 1, "counted");
    }
}
