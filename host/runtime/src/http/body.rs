//! Bodies of requests and responses. Their sizes and their progress are checked.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use sedge_model::limits::{HttpLimit, HttpLimits};
use sedge_sys::clock::{self, Moment};
use wasmtime_wasi_http::{Error as WasiError, WasiBody};

use super::client::{Client, Connection, PoolKey};
use super::fault::HttpFault;
use super::insert::BodyInserter;
use super::{FailureLog, Slot};
use crate::host::BoxFuture;

/// A guest's request body. It enforces the size limit and inserts secrets.
pub(super) struct RequestBody {
    body: WasiBody,
    /// `None` if the call has no placeholders.
    inserter: Option<BodyInserter>,
    /// The frame that follows the data which the inserter has held back.
    queued: Option<Frame<Bytes>>,
    is_over: bool,
    progress: Arc<BodyProgress>,
}

/// The progress of a request body, shared with the task that waits for the response.
pub(super) struct BodyProgress {
    bytes_max: u64,
    n_bytes: AtomicU64,
    at: Mutex<(Moment, Stage)>,
    refused: Mutex<Option<HttpFault>>,
}

/// The state of a request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The guest has not finished it.
    Sending,
    /// All of it was passed to the connection.
    Sent,
    /// It exceeds the size limit, or contains a secret that may not be sent to this host.
    Refused,
}

impl BodyProgress {
    pub(super) fn new(bytes_max: u64) -> Arc<Self> {
        Arc::new(Self {
            bytes_max,
            n_bytes: AtomicU64::new(0),
            at: Mutex::new((Moment::now(), Stage::Sending)),
            refused: Mutex::default(),
        })
    }

    /// Returns the time of the last progress, and the stage.
    pub(super) fn now(&self) -> (Moment, Stage) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the reason why the body was refused, if it was.
    pub(super) fn fault(&self) -> Option<HttpFault> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.take()
    }

    fn refuse(&self, fault: HttpFault) -> WasiError {
        let error = WasiError::from(&fault);
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
        self.moved(Stage::Refused);
        error
    }

    fn moved(&self, stage: Stage) {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        *at = (Moment::now(), stage);
    }

    /// Waits until the request has made no progress for longer than allowed, either while it is
    /// sent or while the response has not begun.
    pub(super) async fn stalled(&self, first_byte: Duration, between_bytes: Duration) -> HttpFault {
        loop {
            let (since, stage) = self.now();
            let (allowed, limit, what) = match stage {
                Stage::Sending => (
                    between_bytes,
                    HttpLimit::BetweenBytes,
                    "no part of the request could be sent",
                ),
                Stage::Sent | Stage::Refused => {
                    (first_byte, HttpLimit::FirstByte, "no response began")
                }
            };
            let left = since.after(allowed).left();
            if left.is_zero() {
                return HttpFault::slow(limit, what, allowed);
            }
            clock::pause(left).await;
        }
    }
}

impl RequestBody {
    pub(super) fn new(
        body: WasiBody,
        inserter: Option<BodyInserter>,
        progress: &Arc<BodyProgress>,
    ) -> Self {
        if body.is_end_stream() {
            progress.moved(Stage::Sent);
        }
        Self {
            body,
            inserter,
            queued: None,
            is_over: false,
            progress: Arc::clone(progress),
        }
    }

    /// Collects the whole body, with secrets inserted.
    ///
    /// # Errors
    /// The body exceeds the size limit, arrives too slowly or ends early, or a secret may not be
    /// sent to this host.
    pub(super) async fn gathered(self, limits: &HttpLimits) -> Result<Bytes, HttpFault> {
        let progress = Arc::clone(&self.progress);
        tokio::select! {
            biased;
            gathered = self.collect() => match gathered {
                Ok(gathered) => Ok(gathered.to_bytes()),
                Err(error) => Err(progress
                    .fault()
                    .unwrap_or_else(|| HttpFault::Protocol(format!("the body was not sent: {error}")))),
            },
            fault = progress.stalled(limits.first_byte, limits.between_bytes) => Err(fault),
        }
    }

    /// Returns the next frame, with secrets inserted.
    fn poll_inserted(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, WasiError>>> {
        if let Some(frame) = self.queued.take() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if self.is_over {
            return Poll::Ready(None);
        }
        loop {
            let polled = ready!(Pin::new(&mut self.body).poll_frame(cx));
            let Some(inserter) = &mut self.inserter else {
                return Poll::Ready(polled);
            };
            let other = match polled.map(|polled| polled.map(Frame::into_data)) {
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(Ok(data))) => {
                    let inserted = match inserter.push(&data) {
                        Ok(inserted) => inserted,
                        Err(fault) => {
                            return Poll::Ready(Some(Err(self.progress.refuse(fault))));
                        }
                    };
                    self.progress.moved(Stage::Sending);
                    if inserted.is_empty() {
                        continue;
                    }
                    return Poll::Ready(Some(Ok(Frame::data(inserted))));
                }
                Some(Ok(Err(other))) => Some(other),
                None => {
                    self.is_over = true;
                    None
                }
            };
            if inserter.is_empty() {
                return Poll::Ready(other.map(Ok));
            }
            self.queued = other;
            return Poll::Ready(Some(Ok(Frame::data(inserter.finish()))));
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = WasiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, WasiError>>> {
        let polled = ready!(self.poll_inserted(cx));
        let progress = &self.progress;
        let Some(Ok(frame)) = &polled else {
            if polled.is_none() {
                progress.moved(Stage::Sent);
            }
            return Poll::Ready(polled);
        };
        let n_new = frame.data_ref().map_or(0, Bytes::len) as u64;
        let n_bytes = progress.n_bytes.fetch_add(n_new, Ordering::Relaxed) + n_new;
        if n_bytes > progress.bytes_max {
            let fault = HttpFault::Limit {
                limit: HttpLimit::RequestBytes,
                value: progress.bytes_max,
            };
            return Poll::Ready(Some(Err(progress.refuse(fault))));
        }
        progress.moved(Stage::Sending);
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        let is_empty = self.inserter.as_ref().is_none_or(BodyInserter::is_empty);
        is_empty && self.queued.is_none() && (self.is_over || self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match self.inserter {
            Some(_) => SizeHint::default(),
            None => self.body.size_hint(),
        }
    }
}

/// The connection drops the body when it has sent all of it.
impl Drop for RequestBody {
    fn drop(&mut self) {
        if self.progress.now().1 == Stage::Sending {
            self.progress.moved(Stage::Sent);
        }
    }
}

/// A response body. It enforces the size limit and the timeouts.
///
/// At its end the connection returns to the pool. If the body is dropped before its end, the
/// connection is closed.
pub(super) struct ResponseBody {
    incoming: Incoming,
    exchange: Exchange,
    n_bytes: u64,
    moved: Moment,
    /// Fires at the earliest moment at which the body can be late. It is not reset at each frame;
    /// when it fires, `late_at` decides.
    alarm: BoxFuture<()>,
}

/// The state of a request and its response.
pub(super) struct Exchange {
    pub(super) client: Arc<Client>,
    pub(super) connection: Option<(PoolKey, Connection)>,
    pub(super) progress: Arc<BodyProgress>,
    pub(super) limits: HttpLimits,
    /// The moment by which the response must have ended.
    pub(super) total: Moment,
    /// The log of the call that sent the request; `None` for a request of the host itself, whose
    /// caller gets the fault.
    pub(super) report: Option<FailureLog>,
    pub(super) slot: Option<Slot>,
}

impl ResponseBody {
    pub(super) fn new(incoming: Incoming, exchange: Exchange) -> Self {
        let moved = Moment::now();
        let mut body = Self {
            incoming,
            n_bytes: 0,
            moved,
            alarm: Box::pin(std::future::ready(())),
            exchange,
        };
        body.alarm_set();
        if body.incoming.is_end_stream() {
            body.end();
        }
        body
    }

    fn alarm_set(&mut self) {
        self.alarm = Box::pin(clock::pause(self.late_at().left()));
    }

    fn late_at(&self) -> Moment {
        let Exchange { limits, total, .. } = &self.exchange;
        self.moved.after(limits.between_bytes).min(*total)
    }

    /// Handles the end of the body.
    fn end(&mut self) {
        let exchange = &mut self.exchange;
        let is_sent = exchange.progress.now().1 == Stage::Sent;
        // If a server responds before it has read the whole request, it may still read the rest.
        // Such a connection is not reused.
        if let Some((key, connection)) = exchange.connection.take().filter(|_| is_sent) {
            exchange.client.keep(key, connection);
        }
        exchange.slot = None;
    }

    /// Returns the next frame, or the reason why the body ends here. The connection is closed then.
    pub(super) fn poll_checked(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpFault>>> {
        if let Poll::Ready(polled) = Pin::new(&mut self.incoming).poll_frame(cx) {
            let checked = match polled {
                None => {
                    self.end();
                    return Poll::Ready(None);
                }
                Some(Err(error)) => Err(self.failed(&error)),
                Some(Ok(frame)) => self.count(&frame).map(|()| frame),
            };
            return Poll::Ready(Some(checked.inspect_err(|_| self.close())));
        }
        loop {
            ready!(self.alarm.as_mut().poll(cx));
            if self.late_at().left().is_zero() {
                let fault = self.too_late();
                self.close();
                return Poll::Ready(Some(Err(fault)));
            }
            self.alarm_set();
        }
    }

    fn close(&mut self) {
        self.exchange.connection = None;
        self.exchange.slot = None;
    }

    fn fail(&self, fault: &HttpFault) -> WasiError {
        if let Some(report) = &self.exchange.report {
            report.fault(fault);
        }
        fault.into()
    }

    fn too_late(&self) -> HttpFault {
        let Exchange { limits, total, .. } = &self.exchange;
        if total.left().is_zero() {
            HttpFault::slow(HttpLimit::Total, "the response did not end", limits.total)
        } else {
            let what = "no more of the response arrived";
            HttpFault::slow(HttpLimit::BetweenBytes, what, limits.between_bytes)
        }
    }

    fn failed(&self, error: &hyper::Error) -> HttpFault {
        let of_request = self.exchange.progress.fault();
        of_request
            .unwrap_or_else(|| HttpFault::of_exchange(error, self.exchange.limits.header_bytes))
    }

    fn count(&mut self, frame: &Frame<Bytes>) -> Result<(), HttpFault> {
        self.moved = Moment::now();
        self.n_bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
        let value = self.exchange.limits.response_bytes;
        if self.n_bytes > value {
            let limit = HttpLimit::ResponseBytes;
            return Err(HttpFault::Limit { limit, value });
        }
        // A slow body is never late between two frames, so the total time is checked at each
        // frame.
        if self.exchange.total.left().is_zero() {
            return Err(self.too_late());
        }
        Ok(())
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = WasiError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, WasiError>>> {
        let polled = ready!(self.poll_checked(cx));
        Poll::Ready(polled.map(|checked| checked.map_err(|fault| self.fail(&fault))))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
