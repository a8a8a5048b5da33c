// SPDX-License-Identifier: Apache-2.0
// Regression contracts in the language of solc 0.8.
//@ compilers 0.8.4 0.8.26
pragma solidity ^0.8.0;

abstract contract Owned {
    address payable public owner;
    error NotOwner();
    constructor() { owner = payable(msg.sender); }
    modifier onlyOwner() { if (msg.sender != owner) revert NotOwner(); _; }
}

abstract contract ReentrancyGuard {
    uint256 private status = 1;
    error Reentered();
    modifier nonReentrant() { if (status == 2) revert Reentered(); status = 2; _; status = 1; }
}

interface Token {
    function transfer(address to, uint256 value) external returns (bool);
    function transferFrom(address from, address to, uint256 value) external returns (bool);
    function balanceOf(address who) external view returns (uint256);
}

interface Pair { function getReserves() external view returns (uint112, uint112, uint32); }
interface Feed { function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80); }

abstract contract BaseToken is Owned {
    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);
    mapping(address => uint256) internal balances;
    mapping(address => mapping(address => uint256)) internal allowed;
    uint256 public totalSupply;
    constructor() { totalSupply = 1000 ether; balances[msg.sender] = 1000 ether; }
    function balanceOf(address who) external view returns (uint256) { return balances[who]; }
    function allowance(address from, address to) external view returns (uint256) { return allowed[from][to]; }
    function approve(address spender, uint256 value) external returns (bool) { allowed[msg.sender][spender] = value; emit Approval(msg.sender, spender, value); return true; }
    function transfer(address to, uint256 value) external returns (bool) { move(msg.sender, to, value); return true; }
    function transferFrom(address from, address to, uint256 value) external returns (bool) { allowed[from][msg.sender] -= value; move(from, to, value); return true; }
    function move(address from, address to, uint256 value) internal virtual { balances[from] -= value; balances[to] += value; emit Transfer(from, to, value); }
}

//@ vulnerable reentrancy/reentrancy-eth
contract EtherStore {
    mapping(address => uint256) public balances;
    function deposit() external payable { balances[msg.sender] += msg.value; }
    function withdraw() external {
        uint256 amount = balances[msg.sender];
        require(amount > 0, "nothing");
        (bool ok, ) = msg.sender.call{value: amount}("");
        require(ok, "not sent");
        balances[msg.sender] = 0;
    }
}

//@ absent reentrancy
contract OrderedStore {
    mapping(address => uint256) public balances;
    function deposit() external payable { balances[msg.sender] += msg.value; }
    function withdraw() external {
        uint256 amount = balances[msg.sender];
        require(amount > 0, "nothing");
        balances[msg.sender] = 0;
        (bool ok, ) = msg.sender.call{value: amount}("");
        require(ok, "not sent");
    }
}

//@ absent reentrancy
contract GuardedStore is ReentrancyGuard {
    mapping(address => uint256) public balances;
    function deposit() external payable { balances[msg.sender] += msg.value; }
    function withdraw() external nonReentrant {
        uint256 amount = balances[msg.sender];
        require(amount > 0, "nothing");
        (bool ok, ) = msg.sender.call{value: amount}("");
        require(ok, "not sent");
        balances[msg.sender] = 0;
    }
}

interface Receiver { function onReceived(address from, uint256 id) external returns (bytes4); }

//@ vulnerable reentrancy/reentrancy-no-eth
contract OneEach {
    mapping(address => bool) public claimed;
    mapping(uint256 => address) public ownerOf;
    uint256 next;
    function claim() external {
        require(!claimed[msg.sender], "one each");
        uint256 id = next++;
        ownerOf[id] = msg.sender;
        require(Receiver(msg.sender).onReceived(address(0), id) == Receiver.onReceived.selector, "refused");
        claimed[msg.sender] = true;
    }
}

//@ absent reentrancy
contract OneEachOrdered {
    mapping(address => bool) public claimed;
    mapping(uint256 => address) public ownerOf;
    uint256 next;
    function claim() external {
        require(!claimed[msg.sender], "one each");
        claimed[msg.sender] = true;
        uint256 id = next++;
        ownerOf[id] = msg.sender;
        require(Receiver(msg.sender).onReceived(address(0), id) == Receiver.onReceived.selector, "refused");
    }
}

//@ vulnerable access_control/unguarded-upgrade
contract OpenUpgrade {
    address public implementation;
    constructor(address first) { implementation = first; }
    function upgradeTo(address next) external { implementation = next; }
    fallback() external payable {
        address to = implementation;
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), to, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(ok) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }
}

//@ absent access_control
contract OwnedUpgrade is Owned {
    address public implementation;
    constructor(address first) { implementation = first; }
    function upgradeTo(address next) external onlyOwner { implementation = next; }
    fallback() external payable {
        address to = implementation;
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), to, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if iszero(ok) { revert(0, returndatasize()) }
            return(0, returndatasize())
        }
    }
}

//@ vulnerable access_control/unguarded-withdrawal
contract OpenSweep {
    function sweep(address payable to) external { (bool ok, ) = to.call{value: address(this).balance}(""); require(ok, "failed"); }
    receive() external payable {}
}

//@ absent access_control
contract OwnedSweep is Owned {
    function sweep(address payable to) external onlyOwner { (bool ok, ) = to.call{value: address(this).balance}(""); require(ok, "failed"); }
    receive() external payable {}
}

//@ vulnerable access_control/arbitrary-call
contract Executor {
    mapping(address => uint256) public used;
    function execute(address to, bytes calldata data) external { used[to] += 1; (bool ok, ) = to.call(data); require(ok, "failed"); }
}

//@ absent access_control
contract OwnedExecutor is Owned {
    function execute(address to, bytes calldata data) external onlyOwner { (bool ok, ) = to.call(data); require(ok, "failed"); }
}

//@ vulnerable access_control/arbitrary-transfer-from
contract PullAny {
    Token token;
    constructor(Token of_) { token = of_; }
    function pull(address from, uint256 amount) external { require(token.transferFrom(from, address(this), amount), "failed"); }
}

//@ absent access_control
contract PullOwn {
    Token token;
    constructor(Token of_) { token = of_; }
    function pull(uint256 amount) external { require(token.transferFrom(msg.sender, address(this), amount), "failed"); }
}

//@ vulnerable arithmetic/integer-underflow
contract UncheckedBurn {
    mapping(address => uint256) points;
    function earn() external { points[msg.sender] += 1; }
    function burn(uint256 count) external { unchecked { points[msg.sender] -= count; } }
}

//@ absent arithmetic
contract CheckedBurn {
    mapping(address => uint256) points;
    function earn() external { points[msg.sender] += 1; }
    function burn(uint256 count) external { points[msg.sender] -= count; }
}

//@ vulnerable unchecked_low_level_calls/unchecked-call
contract FireAndForget is Owned {
    function notify(address to, bytes calldata data) external onlyOwner { (bool ok, ) = to.call(data); ok; }
}

//@ absent unchecked_low_level_calls
contract FireAndCheck is Owned {
    function notify(address to, bytes calldata data) external onlyOwner { (bool ok, ) = to.call(data); require(ok, "failed"); }
}

//@ vulnerable unchecked_return_values/unchecked-token-transfer
contract LooseDeposit {
    Token token;
    mapping(address => uint256) public credit;
    constructor(Token of_) { token = of_; }
    function deposit(uint256 amount) external { token.transferFrom(msg.sender, address(this), amount); credit[msg.sender] += amount; }
}

//@ absent unchecked_low_level_calls
contract StrictDeposit {
    Token token;
    mapping(address => uint256) public credit;
    constructor(Token of_) { token = of_; }
    function deposit(uint256 amount) external { require(token.transferFrom(msg.sender, address(this), amount), "failed"); credit[msg.sender] += amount; }
}

//@ vulnerable denial_of_service/call-in-loop
contract Airdrop is Owned {
    address payable[] winners;
    function add(address payable who) external { winners.push(who); }
    function pay() external onlyOwner { for (uint256 i; i < winners.length; i++) { (bool ok, ) = winners[i].call{value: 1 ether}(""); require(ok, "failed"); } }
    receive() external payable {}
}

//@ vulnerable bad_randomness/weak-randomness
contract Raffle {
    address[] players;
    function enter() external payable { require(msg.value == 1 ether, "price"); players.push(msg.sender); }
    function draw() external {
        uint256 winner = uint256(keccak256(abi.encodePacked(block.timestamp, block.difficulty, players.length))) % players.length;
        payable(players[winner]).transfer(address(this).balance);
    }
}

//@ vulnerable time_manipulation/timestamp-dependence
contract EvenSeconds {
    function play() external payable { require(msg.value == 1 ether, "price"); if (block.timestamp % 2 == 0) payable(msg.sender).transfer(2 ether); }
    receive() external payable {}
}

//@ vulnerable other/strict-balance-equality
contract ExactlyTen is Owned {
    bool public open;
    function start() external onlyOwner { require(address(this).balance == 10 ether, "not ten"); open = true; }
    function out() external onlyOwner { owner.transfer(address(this).balance); }
    receive() external payable {}
}

//@ vulnerable other/spot-price
contract SpotLender {
    Pair pair;
    mapping(address => uint256) public debt;
    constructor(Pair of_) { pair = of_; }
    function borrow(uint256 amount, uint256 collateral) external {
        (uint112 a, uint112 b, ) = pair.getReserves();
        require(collateral * a / b >= amount, "too little");
        debt[msg.sender] += amount;
        payable(msg.sender).transfer(amount);
    }
    receive() external payable {}
}

//@ vulnerable honeypot/hidden-mint
contract MintsQuietly is BaseToken {
    function sync(address to, uint256 value) external onlyOwner { balances[to] += value; }
}

//@ vulnerable honeypot/leak-token
contract TakesBack is BaseToken {
    function recover(address from, uint256 value) external onlyOwner { balances[from] -= value; balances[owner] += value; emit Transfer(from, owner, value); }
}

//@ vulnerable honeypot/limit-sell
contract NoSelling is BaseToken {
    address pair;
    bool open;
    function setPair(address next) external onlyOwner { pair = next; }
    function setOpen(bool yes) external onlyOwner { open = yes; }
    function move(address from, address to, uint256 value) internal override { require(to != pair || from == owner || open, "closed"); super.move(from, to, value); }
}

//@ vulnerable honeypot/leak-token
contract SellsBack is BaseToken {
    uint256 price;
    function setPrice(uint256 next) external onlyOwner { price = next; }
    function sell(uint256 value) external { balances[msg.sender] -= value; balances[owner] += value; payable(msg.sender).transfer(value * price); }
    receive() external payable {}
}

//@ absent honeypot/leak-token
contract SellsBackFixed is BaseToken {
    uint256 constant PRICE = 7;
    function sell(uint256 value) external { balances[msg.sender] -= value; balances[owner] += value; payable(msg.sender).transfer(value * PRICE); }
    receive() external payable {}
}

//@ vulnerable honeypot/leak-token
contract SweepsSales is BaseToken {
    function buy() external payable { balances[owner] -= msg.value * 10; balances[msg.sender] += msg.value * 10; }
    function sweep() external onlyOwner { owner.transfer(address(this).balance); }
}

//@ absent honeypot/leak-token
contract SweepsFees is BaseToken {
    function sweep() external onlyOwner { owner.transfer(address(this).balance); }
    receive() external payable {}
}

//@ absent honeypot/leak-token
contract SharesProfit is BaseToken {
    mapping(address => uint256) public shares;
    mapping(address => uint256) public paid;
    uint256 public total;
    function enter() external payable { shares[msg.sender] += msg.value; total += msg.value; }
    function release(address payable to) external { uint256 due = address(this).balance * shares[to] / total - paid[to]; paid[to] += due; to.transfer(due); }
}

//@ vulnerable honeypot/leak-token
contract MovesApproved is Owned {
    Token token;
    constructor(Token of_) { token = of_; }
    function collect(address from, uint256 value) external onlyOwner { require(token.transferFrom(from, owner, value), "failed"); }
}

//@ absent honeypot/leak-token
contract MovesOwn is Owned {
    Token token;
    constructor(Token of_) { token = of_; }
    function fund(uint256 value) external onlyOwner { require(token.transferFrom(msg.sender, address(this), value), "failed"); }
}

//@ vulnerable honeypot/leak-token
contract EndsWithBooks is Owned {
    mapping(address => uint256) public booked;
    function give() external payable { booked[msg.sender] += msg.value; }
    function end() external onlyOwner { selfdestruct(owner); }
}

//@ absent honeypot/leak-token
contract EndsEmpty is Owned {
    mapping(address => uint256) public votes;
    function vote() external { votes[msg.sender] += 1; }
    function end() external onlyOwner { selfdestruct(owner); }
}

//@ vulnerable honeypot/limit-sell
contract StopsRefunds is Owned {
    mapping(address => uint256) public booked;
    bool public halted;
    function halt(bool yes) external onlyOwner { halted = yes; }
    function give() external payable { booked[msg.sender] += msg.value; }
    function refund() external { require(!halted, "halted"); uint256 value = booked[msg.sender]; booked[msg.sender] = 0; payable(msg.sender).transfer(value); }
}

//@ absent honeypot/limit-sell
contract HonoursRefunds is Owned {
    mapping(address => uint256) public booked;
    bool public halted;
    function halt(bool yes) external onlyOwner { halted = yes; }
    function give() external payable { require(!halted, "halted"); booked[msg.sender] += msg.value; }
    function refund() external { uint256 value = booked[msg.sender]; booked[msg.sender] = 0; payable(msg.sender).transfer(value); }
}

//@ vulnerable honeypot/limit-sell
contract MarksBuyers is BaseToken {
    address public seller;
    mapping(address => bool) public marked;
    constructor(address of_) { seller = of_; }
    function move(address from, address to, uint256 value) internal override { require(!marked[from], "marked"); if (msg.sender == seller) marked[to] = true; super.move(from, to, value); }
}

//@ absent honeypot/limit-sell
contract CoolsDown is BaseToken {
    address public seller;
    mapping(address => uint256) public until;
    constructor(address of_) { seller = of_; }
    function move(address from, address to, uint256 value) internal override { require(until[from] < block.timestamp, "soon"); if (msg.sender == seller) until[to] = block.timestamp + 30; super.move(from, to, value); }
}

//@ absent honeypot/limit-sell
contract PacksTeam is BaseToken {
    address public team;
    bool public started;
    uint256 immutable begin;
    constructor(uint256 at) { begin = at; }
    function setTeam(address next) external onlyOwner { team = next; }
    function start() external { require(block.timestamp > begin, "early"); started = true; }
    function move(address from, address to, uint256 value) internal override { require(started, "early"); super.move(from, to, value); }
}

//@ absent honeypot/limit-sell
contract SwapsAfterwards is BaseToken {
    uint256 public least;
    address public pool;
    function setLeast(uint256 next) external onlyOwner { least = next; }
    function move(address from, address to, uint256 value) internal override {
        super.move(from, to, value);
        if (balances[address(this)] >= least) { uint256 all = balances[address(this)]; balances[address(this)] = 0; balances[pool] += all; }
    }
}

//@ absent honeypot/limit-sell
contract PaysTeam is BaseToken {
    address public team;
    function setTeam(address next) external onlyOwner { team = next; }
    function move(address from, address to, uint256 value) internal override { super.move(from, team, value / 100); super.move(from, to, value - value / 100); }
}

//@ vulnerable honeypot/blacklist
contract Blacklists is BaseToken {
    mapping(address => bool) banned;
    function ban(address who, bool yes) external onlyOwner { banned[who] = yes; }
    function move(address from, address to, uint256 value) internal override { require(!banned[from], "banned"); super.move(from, to, value); }
}

//@ vulnerable honeypot/pausable-transfers
contract Pauses is BaseToken {
    bool paused;
    function pause(bool yes) external onlyOwner { paused = yes; }
    function move(address from, address to, uint256 value) internal override { require(!paused, "paused"); super.move(from, to, value); }
}

//@ vulnerable honeypot/unbounded-fee
contract TaxesAnything is BaseToken {
    uint256 fee;
    function setFee(uint256 next) external onlyOwner { fee = next; }
    function move(address from, address to, uint256 value) internal override { uint256 taken = value * fee / 100; super.move(from, owner, taken); super.move(from, to, value - taken); }
}

//@ absent honeypot/unbounded-fee
contract TaxesLittle is BaseToken {
    uint256 fee;
    function setFee(uint256 next) external onlyOwner { require(next <= 3, "too much"); fee = next; }
    function move(address from, address to, uint256 value) internal override { uint256 taken = value * fee / 100; super.move(from, owner, taken); super.move(from, to, value - taken); }
}

//@ benign
contract PlainToken is BaseToken {}

//@ benign
contract CappedToken is BaseToken {
    uint256 constant CAP = 2000 ether;
    function mint(address to, uint256 value) external onlyOwner { require(totalSupply + value <= CAP, "cap"); totalSupply += value; balances[to] += value; emit Transfer(address(0), to, value); }
}

//@ benign
contract BurnableToken is BaseToken {
    function burn(uint256 value) external { balances[msg.sender] -= value; totalSupply -= value; emit Transfer(msg.sender, address(0), value); }
    function burnFrom(address from, uint256 value) external { allowed[from][msg.sender] -= value; balances[from] -= value; totalSupply -= value; emit Transfer(from, address(0), value); }
}

//@ benign
contract WrappedEther {
    event Deposit(address indexed to, uint256 value);
    event Withdrawal(address indexed from, uint256 value);
    mapping(address => uint256) public balanceOf;
    receive() external payable { deposit(); }
    function deposit() public payable { balanceOf[msg.sender] += msg.value; emit Deposit(msg.sender, msg.value); }
    function withdraw(uint256 value) external { balanceOf[msg.sender] -= value; payable(msg.sender).transfer(value); emit Withdrawal(msg.sender, value); }
}

//@ benign
contract Vesting is Owned {
    Token immutable token;
    uint256 immutable start;
    uint256 released;
    constructor(Token of_) { token = of_; start = block.timestamp; }
    function release() external {
        uint256 total = token.balanceOf(address(this)) + released;
        uint256 passed = block.timestamp - start;
        uint256 due = (passed >= 365 days ? total : total * passed / 365 days) - released;
        released += due;
        require(token.transfer(owner, due), "failed");
    }
}

//@ benign
contract TwoStepOwner {
    address public owner;
    address public pending;
    error NotAllowed();
    constructor() { owner = msg.sender; }
    function propose(address next) external { if (msg.sender != owner) revert NotAllowed(); pending = next; }
    function accept() external { if (msg.sender != pending) revert NotAllowed(); owner = pending; delete pending; }
}

//@ benign
contract Roles {
    struct Role { mapping(address => bool) members; bytes32 admin; }
    mapping(bytes32 => Role) private roles;
    error Denied(address who, bytes32 role);
    constructor() { roles[bytes32(0)].members[msg.sender] = true; }
    modifier only(bytes32 role) { if (!roles[role].members[msg.sender]) revert Denied(msg.sender, role); _; }
    function grant(bytes32 role, address who) external only(roles[role].admin) { roles[role].members[who] = true; }
    function revoke(bytes32 role, address who) external only(roles[role].admin) { roles[role].members[who] = false; }
    function renounce(bytes32 role) external { roles[role].members[msg.sender] = false; }
}

//@ benign
contract Permit is BaseToken {
    mapping(address => uint256) public nonces;
    function permit(address from, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        require(block.timestamp <= deadline, "late");
        bytes32 hash = keccak256(abi.encodePacked("\x19\x01", block.chainid, address(this), keccak256(abi.encode(from, spender, value, nonces[from]++, deadline))));
        address signer = ecrecover(hash, v, r, s);
        require(signer != address(0) && signer == from, "not signed");
        allowed[from][spender] = value;
        emit Approval(from, spender, value);
    }
}

//@ benign
contract Multisig {
    mapping(address => bool) public isOwner;
    mapping(bytes32 => mapping(address => bool)) confirmed;
    mapping(bytes32 => uint256) count;
    mapping(bytes32 => bool) done;
    constructor(address[] memory owners) { for (uint256 i; i < owners.length; i++) isOwner[owners[i]] = true; }
    function confirm(bytes32 id) external { require(isOwner[msg.sender] && !confirmed[id][msg.sender], "no"); confirmed[id][msg.sender] = true; count[id] += 1; }
    function execute(address to, uint256 value, bytes calldata data) external {
        require(isOwner[msg.sender], "not an owner");
        bytes32 id = keccak256(abi.encode(to, value, data));
        require(count[id] >= 2 && !done[id], "not confirmed");
        done[id] = true;
        (bool ok, ) = to.call{value: value}(data);
        require(ok, "failed");
    }
    receive() external payable {}
}

//@ benign
contract Staking is ReentrancyGuard {
    Token immutable token;
    mapping(address => uint256) public staked;
    constructor(Token of_) { token = of_; }
    function stake(uint256 amount) external nonReentrant { require(token.transferFrom(msg.sender, address(this), amount), "failed"); staked[msg.sender] += amount; }
    function unstake(uint256 amount) external nonReentrant { staked[msg.sender] -= amount; require(token.transfer(msg.sender, amount), "failed"); }
}

//@ benign
contract Voting {
    mapping(uint256 => uint256) public votes;
    mapping(uint256 => mapping(address => bool)) voted;
    uint256 public immutable end;
    constructor() { end = block.timestamp + 7 days; }
    function vote(uint256 proposal) external { require(block.timestamp < end && !voted[proposal][msg.sender], "no"); voted[proposal][msg.sender] = true; votes[proposal] += 1; }
}

//@ benign
contract ReadsFeed {
    Feed immutable feed;
    constructor(Feed of_) { feed = of_; }
    function price() external view returns (uint256) { (, int256 answer, , uint256 at, ) = feed.latestRoundData(); require(answer > 0 && block.timestamp - at < 1 hours, "stale"); return uint256(answer); }
}
