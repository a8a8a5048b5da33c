// SPDX-License-Identifier: Apache-2.0
// Regression contracts in the language of solc 0.4. A line `//@` says what the contract after it is.
//@ compilers 0.4.11 0.4.26
pragma solidity ^0.4.11;

contract Owned {
    address owner;
    function Owned() { owner = msg.sender; }
    modifier onlyOwner() { require(msg.sender == owner); _; }
}

contract Math {
    function add(uint256 a, uint256 b) internal constant returns (uint256) { uint256 c = a + b; assert(c >= a); return c; }
    function sub(uint256 a, uint256 b) internal constant returns (uint256) { assert(b <= a); return a - b; }
    function mul(uint256 a, uint256 b) internal constant returns (uint256) {
        uint256 c = a * b; assert(a == 0 || c / a == b); return c;
    }
}

//@ vulnerable reentrancy/reentrancy-eth
contract BankDrained {
    mapping(address => uint256) balances;
    function deposit() payable { balances[msg.sender] += msg.value; }
    function withdraw() {
        uint256 amount = balances[msg.sender];
        require(msg.sender.call.value(amount)());
        balances[msg.sender] = 0;
    }
}

//@ absent reentrancy
contract BankZeroedFirst {
    mapping(address => uint256) balances;
    function deposit() payable { balances[msg.sender] += msg.value; }
    function withdraw() {
        uint256 amount = balances[msg.sender];
        balances[msg.sender] = 0;
        require(msg.sender.call.value(amount)());
    }
}

//@ absent reentrancy
contract BankLocked {
    mapping(address => uint256) balances;
    bool locked;
    function deposit() payable { balances[msg.sender] += msg.value; }
    function withdraw() {
        require(!locked);
        locked = true;
        require(msg.sender.call.value(balances[msg.sender])());
        balances[msg.sender] = 0;
        locked = false;
    }
}

//@ absent reentrancy
contract BankStipend {
    mapping(address => uint256) balances;
    function deposit() payable { balances[msg.sender] += msg.value; }
    function withdraw() {
        msg.sender.transfer(balances[msg.sender]);
        balances[msg.sender] = 0;
    }
}

//@ vulnerable reentrancy/reentrancy-eth
contract PartialWithdrawal {
    mapping(address => uint256) credit;
    function donate(address to) payable { credit[to] += msg.value; }
    function withdraw(uint256 amount) {
        if (credit[msg.sender] >= amount) {
            require(msg.sender.call.value(amount)());
            credit[msg.sender] -= amount;
        }
    }
}

//@ vulnerable reentrancy/reentrancy-eth
contract CrossFunction {
    mapping(address => uint256) balances;
    function put() payable { balances[msg.sender] += msg.value; }
    function move(address to, uint256 amount) {
        if (balances[msg.sender] >= amount) { balances[to] += amount; balances[msg.sender] -= amount; }
    }
    function take() {
        uint256 amount = balances[msg.sender];
        if (amount > 0) { require(msg.sender.call.value(amount)()); balances[msg.sender] = 0; }
    }
}

//@ absent reentrancy
contract OwnerPays is Owned {
    uint256 paid;
    function pay(address to, uint256 amount) onlyOwner { require(to.call.value(amount)()); paid = paid + amount; }
    function () payable {}
}

//@ vulnerable access_control/unguarded-selfdestruct
contract KillAnyone { function kill() { selfdestruct(msg.sender); } function () payable {} }

//@ absent access_control
contract KillOwner is Owned { function kill() onlyOwner { selfdestruct(owner); } function () payable {} }

//@ vulnerable access_control/unguarded-owner-change
contract WrongConstructor {
    address owner;
    function wrongconstructor() { owner = msg.sender; }
    function take() { require(msg.sender == owner); msg.sender.transfer(this.balance); }
    function () payable {}
}

//@ absent access_control
contract RightConstructor {
    address owner;
    function RightConstructor() { owner = msg.sender; }
    function give(address next) { require(msg.sender == owner); owner = next; }
    function take() { require(msg.sender == owner); msg.sender.transfer(this.balance); }
    function () payable {}
}

//@ vulnerable access_control/unguarded-withdrawal
contract TakeAll { function take() { msg.sender.transfer(this.balance); } function () payable {} }

//@ absent access_control
contract TakeOwn {
    mapping(address => uint256) balances;
    function () payable { balances[msg.sender] += msg.value; }
    function take() { uint256 amount = balances[msg.sender]; balances[msg.sender] = 0; msg.sender.transfer(amount); }
}

//@ vulnerable access_control/tx-origin-authentication
contract OriginWallet is Owned {
    function send(address to, uint256 amount) { require(tx.origin == owner); to.transfer(amount); }
    function () payable {}
}

//@ absent access_control
contract CallerWallet is Owned {
    function send(address to, uint256 amount) { require(msg.sender == owner); to.transfer(amount); }
    function () payable {}
}

//@ vulnerable access_control/unguarded-delegatecall
contract Forwarder { function run(address to, bytes data) { require(to.delegatecall(data)); } }

//@ absent access_control
contract OwnedForwarder is Owned { function run(address to, bytes data) onlyOwner { require(to.delegatecall(data)); } }

//@ vulnerable access_control/arbitrary-storage-write
contract ArrayWrite {
    address owner;
    uint256[] items;
    function ArrayWrite() { owner = msg.sender; }
    function pop() { items.length--; }
    function set(uint256 at, uint256 value) { items[at] = value; }
    function drain() { require(msg.sender == owner); owner.transfer(this.balance); }
    function () payable {}
}

//@ vulnerable arithmetic/integer-overflow
contract TokenOverflow {
    mapping(address => uint256) balances;
    function TokenOverflow() { balances[msg.sender] = 1000000; }
    function batch(address[] to, uint256 value) {
        uint256 amount = to.length * value;
        require(value > 0 && balances[msg.sender] >= amount);
        balances[msg.sender] -= amount;
        for (uint256 i = 0; i < to.length; i++) balances[to[i]] += value;
    }
}

//@ vulnerable arithmetic/integer-underflow
contract TokenUnderflow {
    mapping(address => uint256) balances;
    function transfer(address to, uint256 value) returns (bool) {
        require(balances[msg.sender] - value >= 0);
        balances[msg.sender] -= value;
        balances[to] += value;
        return true;
    }
}

//@ absent arithmetic
contract TokenSafe is Math {
    mapping(address => uint256) balances;
    function TokenSafe() { balances[msg.sender] = 1000000; }
    function transfer(address to, uint256 value) returns (bool) {
        balances[msg.sender] = sub(balances[msg.sender], value);
        balances[to] = add(balances[to], value);
        return true;
    }
}

//@ absent arithmetic
contract TokenChecked {
    mapping(address => uint256) balances;
    function TokenChecked() { balances[msg.sender] = 1000000; }
    function transfer(address to, uint256 value) returns (bool) {
        if (balances[msg.sender] >= value && balances[to] + value > balances[to]) {
            balances[msg.sender] -= value;
            balances[to] += value;
            return true;
        }
        return false;
    }
}

//@ vulnerable arithmetic/integer-overflow
contract SaleOverflow is Owned {
    mapping(address => uint256) tokens;
    function buy(uint256 count) payable { require(msg.value == count * 1 ether); tokens[msg.sender] += count; }
    function sell(uint256 count) { require(tokens[msg.sender] >= count); tokens[msg.sender] -= count; msg.sender.transfer(count * 1 ether); }
}

//@ absent arithmetic
contract SaleSafe is Owned, Math {
    mapping(address => uint256) tokens;
    function buy(uint256 count) payable { require(msg.value == mul(count, 1 ether)); tokens[msg.sender] = add(tokens[msg.sender], count); }
    function sell(uint256 count) { tokens[msg.sender] = sub(tokens[msg.sender], count); msg.sender.transfer(mul(count, 1 ether)); }
}

//@ vulnerable unchecked_low_level_calls/unchecked-call
contract LostPrize {
    address winner;
    bool paid;
    function LostPrize() { winner = msg.sender; }
    function send() { require(!paid); winner.send(1 ether); paid = true; }
    function () payable {}
}

//@ absent unchecked_low_level_calls
contract CheckedPrize {
    address winner;
    bool paid;
    function CheckedPrize() { winner = msg.sender; }
    function send() { require(!paid); paid = true; if (!winner.send(1 ether)) { paid = false; } }
    function () payable {}
}

//@ vulnerable unchecked_low_level_calls/unchecked-call
contract IgnoredCall { function ping(address to) { to.call(bytes4(keccak256("ping()"))); } }

//@ absent unchecked_low_level_calls
contract RequiredCall { function ping(address to) { require(to.call(bytes4(keccak256("ping()")))); } }

//@ vulnerable denial_of_service/call-in-loop
contract PayAll is Owned {
    address[] people;
    mapping(address => uint256) owed;
    function join() payable { people.push(msg.sender); owed[msg.sender] = msg.value; }
    function refund() { for (uint256 i = 0; i < people.length; i++) { people[i].transfer(owed[people[i]]); } }
}

//@ absent denial_of_service
contract PayOne {
    mapping(address => uint256) owed;
    function join() payable { owed[msg.sender] += msg.value; }
    function refund() { uint256 amount = owed[msg.sender]; owed[msg.sender] = 0; msg.sender.transfer(amount); }
}

//@ vulnerable denial_of_service/failed-send-locks
contract KingForever {
    address king;
    uint256 price;
    function () payable { require(msg.value > price); king.transfer(price); king = msg.sender; price = msg.value; }
}

//@ absent denial_of_service
contract KingPulls {
    address king;
    uint256 price;
    mapping(address => uint256) owed;
    function () payable { require(msg.value > price); owed[king] += price; king = msg.sender; price = msg.value; }
    function pull() { uint256 amount = owed[msg.sender]; owed[msg.sender] = 0; msg.sender.transfer(amount); }
}

//@ vulnerable bad_randomness/weak-randomness
contract Lottery {
    function play() payable {
        require(msg.value == 1 ether);
        if (uint256(keccak256(block.blockhash(block.number - 1), now)) % 2 == 0) { msg.sender.transfer(this.balance); }
    }
}

//@ vulnerable bad_randomness/weak-randomness
contract DifficultyDice {
    function roll() payable { if (block.difficulty % 6 == uint256(msg.value) % 6) msg.sender.transfer(this.balance / 2); }
}

//@ absent bad_randomness
contract BlockDeadline {
    uint256 end;
    mapping(address => uint256) paid;
    function BlockDeadline() { end = block.number + 1000; }
    function () payable { require(block.number < end); paid[msg.sender] += msg.value; }
    function back() { require(block.number >= end); uint256 p = paid[msg.sender]; paid[msg.sender] = 0; msg.sender.transfer(p); }
}

//@ vulnerable time_manipulation/timestamp-dependence
contract TimedRoulette {
    uint256 last;
    function () payable { require(msg.value == 1 ether); require(now != last); last = now; if (now % 15 == 0) msg.sender.transfer(this.balance); }
}

//@ vulnerable front_running/transaction-order-dependence
contract Puzzle is Owned {
    uint256 reward;
    bytes32 answer;
    function set(bytes32 next) payable onlyOwner { owner.transfer(reward); reward = msg.value; answer = next; }
    function solve(bytes32 guess) { require(keccak256(guess) == answer); msg.sender.transfer(reward); reward = 0; }
}

//@ vulnerable front_running/transaction-order-dependence
contract PriceMoves is Owned {
    uint256 price;
    mapping(address => uint256) tokens;
    function setPrice(uint256 next) onlyOwner { price = next; }
    function sell(uint256 count) { require(tokens[msg.sender] >= count); tokens[msg.sender] -= count; msg.sender.transfer(price); }
    function () payable { tokens[msg.sender] += 1; }
}

//@ vulnerable short_addresses/short-address
contract OldToken {
    mapping(address => uint256) balances;
    function OldToken() { balances[tx.origin] = 10000; }
    function sendCoin(address to, uint256 amount) returns (bool) {
        if (balances[msg.sender] < amount) return false;
        balances[msg.sender] -= amount;
        balances[to] += amount;
        return true;
    }
}

//@ absent short_addresses
contract SizedToken {
    mapping(address => uint256) balances;
    function SizedToken() { balances[msg.sender] = 10000; }
    function sendCoin(address to, uint256 amount) returns (bool) {
        require(msg.data.length >= 68);
        if (balances[msg.sender] < amount) return false;
        balances[msg.sender] -= amount;
        balances[to] += amount;
        return true;
    }
}

//@ vulnerable other/strict-balance-equality
contract ExactGame is Owned {
    function finish() { require(this.balance == 7 ether); owner.transfer(this.balance); }
    function () payable { require(this.balance <= 7 ether); }
}

//@ absent other
contract AtLeastGame is Owned {
    function finish() { require(this.balance >= 7 ether); owner.transfer(this.balance); }
    function () payable {}
}

//@ vulnerable other/locked-ether
contract TakesAndKeeps { uint256 total; function pay() payable { total += 1; } }

//@ absent other
contract TakesAndGives is Owned { function pay() payable {} function out() onlyOwner { owner.transfer(this.balance); } }

//@ vulnerable honeypot/balance-disorder
contract Doubler is Owned {
    function multiply(address to) payable { if (msg.value >= this.balance) { to.transfer(this.balance + msg.value); } }
    function out() onlyOwner { owner.transfer(this.balance); }
}

//@ vulnerable honeypot/hidden-state-update
contract GiftBox {
    address sender;
    bool passHasBeenSet;
    bytes32 hash;
    function GiftBox() payable { sender = msg.sender; }
    function setPass(bytes32 next) payable { if (!passHasBeenSet && msg.value >= 1 ether) { hash = next; } }
    function passSet(bytes32 known) { require(msg.sender == sender); if (known == hash) passHasBeenSet = true; }
    function revoke() { require(msg.sender == sender); sender.transfer(this.balance); }
    function getGift(bytes32 pass) payable { if (keccak256(pass) == hash) { msg.sender.transfer(this.balance); } }
}

//@ benign
contract Counter { uint256 public count; function bump() { require(count < 1000); count = count + 1; } }

//@ benign
contract Notebook { mapping(address => bytes32) public notes; function note(bytes32 text) { notes[msg.sender] = text; } }

//@ benign
contract Whitelist is Owned {
    mapping(address => bool) public listed;
    function add(address who) onlyOwner { listed[who] = true; }
    function remove(address who) onlyOwner { listed[who] = false; }
}

//@ vulnerable honeypot/limit-sell
contract MisnamedOwner {
    address owner;
    mapping(address => uint256) balances;
    mapping(address => bool) frozen;
    function Owner() { owner = msg.sender; }
    function freeze(address who, bool yes) { require(msg.sender == owner); frozen[who] = yes; }
    function transfer(address to, uint256 value) returns (bool) {
        require(!frozen[msg.sender]);
        require(balances[msg.sender] >= value);
        balances[msg.sender] -= value;
        balances[to] += value;
        return true;
    }
}

//@ absent honeypot/limit-sell
contract MisnamedOwnerOfName {
    address owner;
    string public name;
    mapping(address => uint256) balances;
    function Owner() { owner = msg.sender; }
    function rename(string next) { require(msg.sender == owner); name = next; }
    function transfer(address to, uint256 value) returns (bool) {
        require(balances[msg.sender] >= value);
        balances[msg.sender] -= value;
        balances[to] += value;
        return true;
    }
}
