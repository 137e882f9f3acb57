// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IExperiment} from "../../../contracts/interfaces/IExperiment.sol";
import {ExperimentTest} from "../ExperimentTest.sol";

contract ConstructorTest is ExperimentTest {
    function refused(IExperiment.Rules memory rules, bytes32 spec, bytes memory expected) private {
        assertEq(create(rules, spec, ORGANIZER), address(0), "not deployed");
        bytes memory data;
        assembly ("memory-safe") {
            data := mload(0x40)
            mstore(data, returndatasize())
            returndatacopy(add(data, 32), 0, returndatasize())
            mstore(0x40, add(add(data, 32), returndatasize()))
        }
        assertEq(data, expected, "error");
    }

    function refused(IExperiment.Rules memory rules, bytes32 rule, uint256 value, uint256 least, uint256 most) private {
        bytes memory expected = abi.encodeWithSelector(IExperiment.RuleOutOfRange.selector, rule, value, least, most);
        refused(rules, SPEC, expected);
    }

    function test_AThresholdOf0Reverts() public {
        IExperiment.Rules memory rules = usualRules();
        rules.thresholdBps = 0;
        refused(rules, "thresholdBps", 0, 1, 10_000);
    }

    function test_AThresholdOver10000Reverts() public {
        IExperiment.Rules memory rules = usualRules();
        rules.thresholdBps = 10_001;
        refused(rules, "thresholdBps", 10_001, 1, 10_000);
    }

    function test_AProposalWindowOf0Reverts() public {
        IExperiment.Rules memory rules = usualRules();
        rules.proposalWindow = 0;
        refused(rules, "proposalWindow", 0, 1, 30 days);
    }

    function test_AProposalWindowOver30DaysReverts() public {
        IExperiment.Rules memory rules = usualRules();
        rules.proposalWindow = 30 days + 1;
        refused(rules, "proposalWindow", 30 days + 1, 1, 30 days);
    }

    function test_AVotingWindowOf0Reverts() public {
        IExperiment.Rules memory rules = usualRules();
        rules.votingWindow = 0;
        refused(rules, "votingWindow", 0, 1, 30 days);
    }

    function test_AVotingWindowOver30DaysReverts() public {
        IExperiment.Rules memory rules = usualRules();
        rules.votingWindow = 30 days + 1;
        refused(rules, "votingWindow", 30 days + 1, 1, 30 days);
    }

    function test_AContributionWindowAsLongAsTheProposalWindowReverts() public {
        IExperiment.Rules memory rules = usualRules();
        rules.contributionWindow = 600;
        refused(rules, "contributionWindow", 600, 0, 599);
    }

    function test_AMinimumOf1LearnerReverts() public {
        IExperiment.Rules memory rules = usualRules();
        rules.minLearners = 1;
        refused(rules, "minLearners", 1, 2, 64);
    }

    function test_AMinimumOf65LearnersReverts() public {
        IExperiment.Rules memory rules = usualRules();
        rules.minLearners = 65;
        refused(rules, "minLearners", 65, 2, 64);
    }

    function test_NoRoundsAtAllReverts() public {
        IExperiment.Rules memory rules = usualRules();
        rules.maxRounds = 0;
        refused(rules, "maxRounds", 0, 1, NO_END - 2);
    }

    function test_MoreRoundsThanANewcomerCouldBeNumberedForReverts() public {
        IExperiment.Rules memory rules = usualRules();
        rules.maxRounds = uint24(NO_END - 1);
        refused(rules, "maxRounds", NO_END - 1, 1, NO_END - 2);
    }

    function test_IdleAfter0MissesReverts() public {
        IExperiment.Rules memory rules = usualRules();
        rules.idleRounds = 0;
        refused(rules, "idleRounds", 0, 1, 32);
    }

    function test_IdleAfter33MissesReverts() public {
        IExperiment.Rules memory rules = usualRules();
        rules.idleRounds = 33;
        refused(rules, "idleRounds", 33, 1, 32);
    }

    function test_AnEmptySpecDigestReverts() public {
        refused(usualRules(), 0, abi.encodeWithSelector(IExperiment.EmptyDigest.selector));
    }

    function test_TheSmallestRulesAreAccepted() public {
        IExperiment.Rules memory rules = IExperiment.Rules(1, 1, 1, 0, 2, 1, 1, 0, false, false);
        deploy(rules);
        assertEq(abi.encode(experiment.rules()), abi.encode(rules), "rules");
    }

    function test_TheLargestRulesAreAccepted() public {
        IExperiment.Rules memory rules = IExperiment.Rules(
            10_000, 30 days, 30 days, 30 days - 1, 64, uint24(NO_END - 2), 32, type(uint40).max, true, true
        );
        deploy(rules);
        assertEq(abi.encode(experiment.rules()), abi.encode(rules), "rules");
    }

    function test_WhoDeploysIsTheOrganizer() public {
        vm.recordLogs();
        deploy(usualRules());
        bytes32 created = IExperiment.OrganizerChanged.selector;
        assertEq(vm.getRecordedLogs()[0].topics[0], created, "event");
        assertEq(experiment.organizer(), ORGANIZER, "organizer");
        assertEq(experiment.firstOrganizer(), ORGANIZER, "first organizer");
    }

    function test_TheHistoryStartsFromChainAddressRulesSpecAndOrganizer() public {
        vm.chainId(4711);
        deploy(usualRules());
        bytes32 expected = keccak256(abi.encode(4711, experiment, usualRules(), SPEC, ORGANIZER));
        assertEq(experiment.historyHash(), expected, "history hash");
    }
}
