//! Visits all states, breadth first, and checks each of them.
//!
//! The checker shows that all calls come to an end by checking single states. In each state there
//! must be a call that does not wait and has no call below it, so it can continue to its end.
//! Each such step leaves fewer calls or fewer resources to lock, and leads to a state that is
//! checked as well.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use sedge_locks::mode::Mode;
use sedge_locks::mode::Mode::X;
use sedge_locks::table::{Decision, LockRequest, LockTable, QueuePlace, RequestId, decide};

use crate::cycles::{self, cycle_fault};
use crate::naive::{
    Asked, Who, in_the_way, is_in_cycle, is_included, overtakes_by_own_lock, place_in_line,
};
use crate::world::{Call, Config, Move, World};

/// A lock table that may be correct or broken.
pub(crate) trait Protocol: Clone + Default {
    fn table(&self) -> &LockTable;
    fn table_mut(&mut self) -> &mut LockTable;
    fn is_included(&self, request: &LockRequest) -> bool {
        self.table().is_included(request)
    }
    fn decide(&self, batch: &[LockRequest]) -> Decision {
        decide(self.table(), batch)
    }
    fn insert(&mut self, request: LockRequest) -> (RequestId, QueuePlace) {
        self.table_mut().insert(request, 0)
    }
    fn release(&mut self, ids: &[RequestId]) -> Vec<RequestId> {
        self.table_mut().release(ids, 0)
    }
}

impl Protocol for LockTable {
    fn table(&self) -> &LockTable {
        self
    }

    fn table_mut(&mut self) -> &mut LockTable {
        self
    }
}

/// The violated invariant; see PROTOCOL.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Two conflicting requests hold a resource.
    Exclusion,
    /// A request waits for an ancestor.
    WaitsForAncestor,
    /// A request waits although nothing blocks it.
    NotWoken,
    /// A request was granted although a conflicting request ahead of it still waits.
    Passed,
    /// A cycle was closed and not reported.
    CycleMissed,
    /// A cycle was reported that does not exist.
    CycleFalse,
    /// Ending the reported call does not break the cycle, or ending fewer calls would.
    BreaksAt,
    /// A rollback does not make the call request more than before, so a retry may be rolled back
    /// for the same reason.
    NoProgress,
    /// An intention was taken that the lineage already has, or was skipped although it has not.
    Included,
    /// The table's answer differs from its contents.
    Bookkeeping,
    /// No call can continue.
    Stuck,
}

/// A violated invariant, and the shortest way to it.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) fault: Fault,
    world: World,
    path: Vec<Move>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?} after:", self.fault)?;
        for step in &self.path {
            writeln!(f, "  {step:?}")?;
        }
        for asked in &self.world.asked {
            writeln!(f, "  {asked:?}")?;
        }
        Ok(())
    }
}

/// The number of states and steps that were visited.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) n_states: usize,
    pub(crate) n_transitions: usize,
    pub(crate) n_cycles: usize,
}

/// The results of a step. There are two if a deadlock can be rolled back or given up.
type Worlds<P> = Vec<(World, P)>;

/// Visits all states of a configuration.
pub(crate) fn check<P: Protocol>(config: &Config) -> Result<Seen, Violation> {
    let mut seen = Seen::default();
    let mut steps: Vec<(usize, Option<Move>)> = vec![(0, None)];
    let start = World::default();
    let mut numbers = HashMap::from([(config.key(&start), 0)]);
    let mut next = VecDeque::from([(0, start, P::default())]);
    while let Some((at, world, protocol)) = next.pop_front() {
        for step in world.moves(config) {
            let violation = |fault| Violation {
                fault,
                world: world.clone(),
                path: path(&steps, at, step),
            };
            let worlds = go(config, &world, &protocol, step).map_err(violation)?;
            seen.n_transitions += worlds.len();
            seen.n_cycles += usize::from(worlds.len() > 1);
            for (after, protocol) in worlds {
                let key = config.key(&after);
                if numbers.contains_key(&key) {
                    continue;
                }
                state_fault(config, &after, &protocol).map_or(Ok(()), |fault| {
                    Err(Violation {
                        fault,
                        world: after.clone(),
                        path: path(&steps, at, step),
                    })
                })?;
                numbers.insert(key, steps.len());
                next.push_back((steps.len(), after, protocol));
                steps.push((at, Some(step)));
            }
        }
    }
    seen.n_states = numbers.len();
    Ok(seen)
}

fn path(steps: &[(usize, Option<Move>)], mut at: usize, last: Move) -> Vec<Move> {
    let mut path = vec![last];
    while let (before, Some(step)) = steps[at] {
        path.push(step);
        at = before;
    }
    path.reverse();
    path
}

/// Performs a step, and returns its results.
fn go<P: Protocol>(
    config: &Config,
    world: &World,
    protocol: &P,
    step: Move,
) -> Result<Worlds<P>, Fault> {
    let (mut world, mut protocol) = (world.clone(), protocol.clone());
    match step {
        Move::Start(who, kind) => {
            let n_done = 0;
            world.calls.push(Call { who, kind, n_done });
            ask(config, world, protocol)
        }
        Move::Next(at) => {
            let call = world.calls.remove(at);
            world.calls.push(call);
            ask(config, world, protocol)
        }
        Move::Finish(at) | Move::Cancel(at) => {
            let ended = world.calls[at].who;
            end(&mut world, &mut protocol, |who| *who == ended)?;
            Ok(vec![(world, protocol)])
        }
        Move::Die(session) => {
            let mut left = protocol.table().of_session(owner_session(session));
            left.sort_unstable();
            let own = world.asked.iter().filter(|it| it.who.session == session);
            if left != own.filter_map(|it| it.id).collect::<Vec<_>>() {
                return Err(Fault::Bookkeeping);
            }
            end(&mut world, &mut protocol, |who| who.session == session)?;
            Ok(vec![(world, protocol)])
        }
    }
}

fn owner_session(session: u8) -> sedge_locks::owner::SessionId {
    crate::world::owner(Who::run(session, 0)).session
}

/// Makes the next batch of requests of the last call.
fn ask<P: Protocol>(
    config: &Config,
    mut world: World,
    mut protocol: P,
) -> Result<Worlds<P>, Fault> {
    let Some(call) = world.calls.last().copied() else {
        return Err(Fault::Bookkeeping);
    };
    let wants = &config.kinds[usize::from(call.kind)].batches[usize::from(call.n_done)];
    let batch = batch(&world, call.who, wants, &protocol)?;
    let requests: Vec<LockRequest> = batch.iter().map(Config::request).collect();
    let decision = protocol.decide(&requests);
    let first = world.asked.len();
    let mut list = world.asked.clone();
    list.extend(batch);
    for at in first..list.len() {
        if in_the_way(&list, at).next().is_none() {
            list[at].place = QueuePlace::Granted;
        }
    }
    if let Some(fault) = decision_fault(&list, first, &decision) {
        return Err(fault);
    }
    if let Decision::Deadlock(cycle) = decision {
        let (mut given_up, mut without) = (world.clone(), protocol.clone());
        end(&mut given_up, &mut without, |it| *it == call.who)?;
        let breaks_at = cycles::who(&list, &cycle.breaks_at).ok_or(Fault::BreaksAt)?;
        if config.progresses && !is_more(config, &world, breaks_at, wants) {
            return Err(Fault::NoProgress);
        }
        end(&mut world, &mut protocol, |it| breaks_at.covers(it))?;
        return Ok(vec![(given_up, without), (world, protocol)]);
    }
    for (request, me) in requests.into_iter().zip(&mut list[first..]) {
        let (id, place) = protocol.insert(request);
        if place != me.place {
            return Err(Fault::Bookkeeping);
        }
        me.id = Some(id);
    }
    world.asked = list;
    if decision == Decision::Granted {
        let call = world.calls.last_mut().ok_or(Fault::Bookkeeping)?;
        call.n_done += 1;
    }
    Ok(vec![(world, protocol)])
}

/// Returns the requests of a batch, without those that are included in an ancestor's lock. None has
/// a number yet.
fn batch<P: Protocol>(
    world: &World,
    who: Who,
    wants: &[(u8, Mode)],
    protocol: &P,
) -> Result<Vec<Asked>, Fault> {
    let mut batch = Vec::new();
    for (resource, mode) in wants.iter().copied() {
        let (place, id) = (QueuePlace::Waiting, None);
        let mut me = Asked {
            who,
            resource,
            mode,
            place,
            id,
        };
        me.place = place_in_line(&world.asked, &me);
        let included = is_included(&world.asked, &me);
        if included != protocol.is_included(&Config::request(&me)) {
            return Err(Fault::Included);
        }
        if !included {
            batch.push(me);
        }
    }
    Ok(batch)
}

/// Returns whether a call that is rolled back for a batch requests more when it is retried.
fn is_more(config: &Config, world: &World, call: Who, batch: &[(u8, Mode)]) -> bool {
    let Some(call) = world.calls.iter().find(|it| it.who == call) else {
        return false;
    };
    let kind = &config.kinds[usize::from(call.kind)];
    let has = |(resource, mode): &(u8, Mode)| {
        kind.wants()
            .any(|(it, held)| it == *resource && (held == *mode || held == X))
    };
    !batch.iter().all(has)
}

/// Checks the decision about a batch: the requests in the list from `first` on.
fn decision_fault(list: &[Asked], first: usize, decision: &Decision) -> Option<Fault> {
    let blocked = (first..list.len()).find(|at| !list[*at].is_held());
    match (decision, blocked) {
        (Decision::Granted, None) => None,
        (Decision::Granted, Some(at)) => {
            let holds = in_the_way(list, at).any(Asked::is_held);
            Some(if holds {
                Fault::Exclusion
            } else {
                Fault::Passed
            })
        }
        (Decision::Wait | Decision::Deadlock(_), None) => {
            let by_ancestor = |at: usize, it: &Asked| {
                it.is_held() && it.conflicts(&list[at]) && it.who.covers(&list[at].who)
            };
            let mut batch = first..list.len();
            Some(
                match batch.any(|at| list.iter().any(|it| by_ancestor(at, it))) {
                    true => Fault::WaitsForAncestor,
                    false => Fault::NotWoken,
                },
            )
        }
        (Decision::Wait, Some(at)) => is_in_cycle(list, at).then_some(Fault::CycleMissed),
        (Decision::Deadlock(cycle), Some(_)) => cycle_fault(list, first, cycle),
    }
}

/// Ends calls, and checks which requests are granted by it.
fn end<P: Protocol>(
    world: &mut World,
    protocol: &mut P,
    ends: impl Fn(&Who) -> bool,
) -> Result<(), Fault> {
    let ended = world.asked.iter().filter(|it| ends(&it.who));
    let ids: Vec<RequestId> = ended.filter_map(|it| it.id).collect();
    world.calls.retain(|call| !ends(&call.who));
    world.asked.retain(|it| !ends(&it.who));
    let granted = protocol.release(&ids);
    if !granted.is_sorted() {
        return Err(Fault::Bookkeeping);
    }
    for id in &granted {
        let at = world
            .asked
            .iter()
            .position(|it| it.id == Some(*id) && !it.is_held());
        let asked = &mut world.asked[at.ok_or(Fault::Bookkeeping)?];
        asked.place = QueuePlace::Granted;
        let who = asked.who;
        let is_done = !world.is_waiting(who);
        let call = world.calls.iter_mut().find(|call| call.who == who);
        call.ok_or(Fault::Bookkeeping)?.n_done += u8::from(is_done);
    }
    for id in granted {
        if passes(&world.asked, id) {
            return Err(Fault::Passed);
        }
    }
    Ok(())
}

/// Returns whether a granted request passed an earlier one, or an overtaking one, that still
/// waits.
///
/// A request that overtook may do so, unless both overtook for the same reason.
fn passes(list: &[Asked], id: RequestId) -> bool {
    let Some(at) = list.iter().position(|it| it.id == Some(id)) else {
        return false;
    };
    let me = &list[at];
    let overtook = list.iter().any(|it| {
        it.id != me.id && it.is_held() && it.resource == me.resource && it.who.covers(&me.who)
    });
    let in_front = |(index, it): (usize, &Asked)| {
        let is_overtaking = it.place == QueuePlace::Overtaking;
        let is_ahead = match overtook {
            true => is_overtaking && index < at && !overtakes_by_own_lock(list, me, it),
            false => is_overtaking || index < at,
        };
        !it.is_held() && it.conflicts(me) && is_ahead
    };
    list.iter().enumerate().any(in_front)
}

/// Checks a state.
fn state_fault<P: Protocol>(config: &Config, world: &World, protocol: &P) -> Option<Fault> {
    let list = &world.asked;
    let table = protocol.table();
    let mut entries: Vec<_> = table.entries().map(|it| (Some(it.id), it.place)).collect();
    entries.sort_unstable_by_key(|(id, _)| *id);
    if !entries
        .into_iter()
        .eq(list.iter().map(|it| (it.id, it.place)))
    {
        return Some(Fault::Bookkeeping);
    }
    for (at, me) in list.iter().enumerate() {
        let beside = list[..at].iter().filter(|it| it.is_held() && me.is_held());
        let is_kin = |it: &Asked| it.who.covers(&me.who) || me.who.covers(&it.who);
        if beside.into_iter().any(|it| it.conflicts(me) && !is_kin(it)) {
            return Some(Fault::Exclusion);
        }
        if !me.is_held() {
            let fault = waiting_fault(list, at, table);
            if fault.is_some() {
                return fault;
            }
        }
    }
    let moves = world.moves(config);
    let goes_on = |step: &Move| match step {
        Move::Next(_) | Move::Finish(_) => true,
        Move::Start(..) | Move::Cancel(_) | Move::Die(_) => false,
    };
    let goes_on = world.calls.is_empty() || moves.iter().any(goes_on);
    (!goes_on).then_some(Fault::Stuck)
}

/// Checks that a request has to wait, and that the table returns its blockers.
fn waiting_fault(list: &[Asked], at: usize, table: &LockTable) -> Option<Fault> {
    let me = &list[at];
    if in_the_way(list, at).next().is_none() {
        return Some(Fault::NotWoken);
    }
    if is_in_cycle(list, at) {
        return Some(Fault::CycleMissed);
    }
    let blockers = table.blockers(me.id?);
    if blockers.is_empty() {
        return Some(Fault::Bookkeeping);
    }
    for blocker in blockers {
        let blocker = list.iter().find(|it| it.id == Some(blocker.id));
        match blocker {
            Some(it) if it.who.covers(&me.who) => return Some(Fault::WaitsForAncestor),
            Some(it) if in_the_way(list, at).any(|other| other == it) => {}
            Some(_) | None => return Some(Fault::Bookkeeping),
        }
    }
    None
}
