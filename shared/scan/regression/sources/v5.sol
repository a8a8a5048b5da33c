// SPDX-License-Identifier: Apache-2.0
// Regression contracts in the language of solc 0.5.
//@ compilers 0.5.17
pragma solidity ^0.5.0;

contract Owned {
    address payable owner;
    constructor() public { owner = msg.sender; }
    modifier onlyOwner() { require(msg.sender == owner, "not the owner"); _; }
}

library SafeMath {
    function add(uint256 a, uint256 b) internal pure returns (uint256) { uint256 c = a + b; require(c >= a, "overflow"); return c; }
    function sub(uint256 a, uint256 b) internal pure returns (uint256) { require(b <= a, "underflow"); return a - b; }
    function mul(uint256 a, uint256 b) internal pure returns (uint256) {
        if (a == 0) return 0;
        uint256 c = a * b; require(c / a == b, "overflow"); return c;
    }
}

interface Token { function transfer(address to, uint256 value) external returns (bool); function balanceOf(address who) external view returns (uint256); }

//@ vulnerable reentrancy/reentrancy-eth
contract Vault {
    mapping(address => uint256) public balances;
    function deposit() external payable { balances[msg.sender] += msg.value; }
    function withdraw(uint256 amount) external {
        require(balances[msg.sender] >= amount, "too much");
        (bool ok, ) = msg.sender.call.value(amount)("");
        require(ok, "not sent");
        balances[msg.sender] -= amount;
    }
}

//@ absent reentrancy
contract GuardedVault {
    mapping(address => uint256) public balances;
    uint256 private entered = 1;
    modifier once() { entered += 1; uint256 before = entered; _; require(before == entered, "reentered"); }
    function deposit() external payable { balances[msg.sender] += msg.value; }
    function withdraw(uint256 amount) external once {
        require(balances[msg.sender] >= amount, "too much");
        (bool ok, ) = msg.sender.call.value(amount)("");
        require(ok, "not sent");
        balances[msg.sender] -= amount;
    }
}

//@ vulnerable reentrancy/reentrancy-no-eth
contract TokenVault {
    mapping(address => mapping(address => uint256)) credit;
    function withdraw(Token token) external {
        uint256 amount = credit[address(token)][msg.sender];
        require(amount > 0, "nothing");
        require(token.transfer(msg.sender, amount), "not sent");
        credit[address(token)][msg.sender] = 0;
    }
    function fill(Token token) external { credit[address(token)][msg.sender] = token.balanceOf(address(this)); }
}

//@ absent reentrancy
contract SafeTokenVault {
    mapping(address => mapping(address => uint256)) credit;
    function withdraw(Token token) external {
        uint256 amount = credit[address(token)][msg.sender];
        require(amount > 0, "nothing");
        credit[address(token)][msg.sender] = 0;
        require(token.transfer(msg.sender, amount), "not sent");
    }
}

//@ vulnerable access_control/unguarded-owner-change
contract OpenOwner {
    address payable owner;
    constructor() public { owner = msg.sender; }
    function setOwner(address payable next) external { owner = next; }
    function take() external { require(msg.sender == owner, "no"); owner.transfer(address(this).balance); }
    function () external payable {}
}

//@ absent access_control
contract ClosedOwner is Owned {
    function setOwner(address payable next) external onlyOwner { owner = next; }
    function take() external onlyOwner { owner.transfer(address(this).balance); }
    function () external payable {}
}

//@ vulnerable access_control/unguarded-withdrawal
contract SendAnywhere { function send(address payable to, uint256 amount) external { to.transfer(amount); } function () external payable {} }

//@ absent access_control
contract OwnerSends is Owned { function send(address payable to, uint256 amount) external onlyOwner { to.transfer(amount); } function () external payable {} }

//@ vulnerable arithmetic/integer-overflow
contract LockTimes {
    mapping(address => uint256) balances;
    mapping(address => uint256) unlock;
    function deposit() external payable { balances[msg.sender] = msg.value; unlock[msg.sender] = now + 1 weeks; }
    function longer(uint256 by) external { unlock[msg.sender] += by; }
    function withdraw() external {
        require(now > unlock[msg.sender], "locked");
        uint256 amount = balances[msg.sender];
        balances[msg.sender] = 0;
        msg.sender.transfer(amount);
    }
}

//@ absent arithmetic
contract SafeLockTimes {
    using SafeMath for uint256;
    mapping(address => uint256) balances;
    mapping(address => uint256) unlock;
    function deposit() external payable { balances[msg.sender] = msg.value; unlock[msg.sender] = now.add(1 weeks); }
    function longer(uint256 by) external { unlock[msg.sender] = unlock[msg.sender].add(by); }
    function withdraw() external {
        require(now > unlock[msg.sender], "locked");
        uint256 amount = balances[msg.sender];
        balances[msg.sender] = 0;
        msg.sender.transfer(amount);
    }
}

//@ vulnerable unchecked_low_level_calls/unchecked-call
contract Splitter is Owned {
    address payable partner;
    constructor(address payable with) public { partner = with; }
    function split() external onlyOwner { uint256 half = address(this).balance / 2; partner.send(half); owner.transfer(half); }
    function () external payable {}
}

//@ absent unchecked_low_level_calls
contract CheckedSplitter is Owned {
    address payable partner;
    constructor(address payable with) public { partner = with; }
    function split() external onlyOwner { uint256 half = address(this).balance / 2; require(partner.send(half), "failed"); owner.transfer(half); }
    function () external payable {}
}

//@ vulnerable bad_randomness/weak-randomness
contract Flip {
    uint256 private factor = 7;
    mapping(address => uint256) public wins;
    function flip(bool guess) external {
        bool side = (uint256(blockhash(block.number - 1)) / factor) % 2 == 1;
        if (side == guess) wins[msg.sender] += 1; else wins[msg.sender] = 0;
    }
}

//@ absent bad_randomness
contract CommitReveal {
    mapping(address => bytes32) commits;
    mapping(address => uint256) public shown;
    function commit(bytes32 hash) external { commits[msg.sender] = hash; }
    function reveal(uint256 value) external { require(keccak256(abi.encode(value)) == commits[msg.sender], "other"); shown[msg.sender] = value; }
}

//@ vulnerable denial_of_service/unbounded-loop
contract Roll {
    address[] members;
    mapping(address => uint256) points;
    function join() external { members.push(msg.sender); }
    function reward() external { for (uint256 i = 0; i < members.length; i++) points[members[i]] += 1; }
}

//@ absent denial_of_service
contract BoundedRoll {
    mapping(address => uint256) points;
    function reward(address[] calldata who) external { require(who.length <= 20, "too many"); for (uint256 i = 0; i < 20; i++) { if (i >= who.length) break; points[who[i]] = 1; } }
}

//@ benign
contract SafeToken is Owned {
    using SafeMath for uint256;
    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);
    mapping(address => uint256) balances;
    mapping(address => mapping(address => uint256)) allowed;
    uint256 public totalSupply = 1000000 ether;
    constructor() public { balances[msg.sender] = totalSupply; }
    function balanceOf(address who) external view returns (uint256) { return balances[who]; }
    function transfer(address to, uint256 value) external returns (bool) { move(msg.sender, to, value); return true; }
    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        allowed[from][msg.sender] = allowed[from][msg.sender].sub(value);
        move(from, to, value);
        return true;
    }
    function increaseAllowance(address spender, uint256 by) external returns (bool) {
        allowed[msg.sender][spender] = allowed[msg.sender][spender].add(by);
        emit Approval(msg.sender, spender, allowed[msg.sender][spender]);
        return true;
    }
    function move(address from, address to, uint256 value) internal {
        require(to != address(0), "zero");
        balances[from] = balances[from].sub(value);
        balances[to] = balances[to].add(value);
        emit Transfer(from, to, value);
    }
}

//@ benign
contract Escrow is Owned {
    using SafeMath for uint256;
    mapping(address => uint256) deposits;
    function deposit(address payee) external payable onlyOwner { deposits[payee] = deposits[payee].add(msg.value); }
    function withdraw(address payable payee) external onlyOwner { uint256 amount = deposits[payee]; deposits[payee] = 0; payee.transfer(amount); }
}

//@ absent denial_of_service/unbounded-loop
contract Grows {
    event Joined(string name);
    address[] members;
    uint256 count;
    mapping(uint256 => string) names;
    function join(string calldata name) external {
        count += 1;
        members.length += 1;
        members[members.length - 1] = msg.sender;
        names[count] = name;
        emit Joined(names[count]);
    }
}

//@ vulnerable denial_of_service/unbounded-loop
contract Clears {
    address[] members;
    uint256 round;
    function join() external { members.push(msg.sender); }
    function next() external { delete members; round += 1; }
}
