//! One thread for each device that waits for its submissions, so that the executor which runs a future does not.

use super::oneshot::{Receiver, Sender, oneshot};
use super::polling::{Waited, poll};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A submission that somebody waits for.
struct Request {
    device: wgpu::Device,
    submission: wgpu::SubmissionIndex,
    deadline: Instant,
    finished: Sender<Waited>,
}

/// The waiting thread of a device, started by the first wait. The thread ends when the poller is dropped.
#[derive(Debug, Default)]
pub(super) struct Poller {
    requests: OnceLock<mpsc::Sender<Request>>,
}

impl Poller {
    /// Resolves to what came of waiting `timeout` for `submission`; to `None` where no thread waits any more.
    pub(super) fn finished(
        &self,
        device: &wgpu::Device,
        submission: wgpu::SubmissionIndex,
        timeout: Duration,
    ) -> Receiver<Waited> {
        let (finished, receiver) = oneshot();
        let requests = self.requests.get_or_init(|| {
            let (sender, receiver) = mpsc::channel();
            std::thread::spawn(move || answer(&receiver));
            sender
        });
        let request = Request {
            device: device.clone(),
            submission,
            deadline: Instant::now() + timeout,
            finished,
        };
        // Where the thread has ended, the request comes back and is dropped, which closes the answer.
        drop(requests.send(request));
        receiver
    }
}

/// Answers requests one after another: submissions of one queue finish in their order.
fn answer(requests: &mpsc::Receiver<Request>) {
    for request in requests {
        let wait = wgpu::PollType::Wait {
            submission_index: Some(request.submission),
            timeout: Some(request.deadline.saturating_duration_since(Instant::now())),
        };
        let finished = poll(&request.device, wait);
        // The receiver may end the program once the value is sent. If this thread dropped the last handle after that, the
        // device would be destroyed beside the driver's own exit handlers: some runs on llvmpipe ended in a signal by it.
        drop(request.device);
        request.finished.send(finished);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pollster::block_on;

    fn device() -> (wgpu::Device, wgpu::Queue) {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = wgpu::Backends::NOOP;
        descriptor.backend_options.noop.enable = true;
        let instance = wgpu::Instance::new(descriptor);
        let adapter = block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default()));
        block_on(
            adapter
                .unwrap()
                .request_device(&wgpu::DeviceDescriptor::default()),
        )
        .unwrap()
    }

    #[test]
    fn many_submissions_are_answered_by_one_thread() {
        let (device, queue) = device();
        let poller = Poller::default();
        let minute = Duration::from_mins(1);
        let waits: Vec<_> = (0..100)
            .map(|_| poller.finished(&device, queue.submit([]), minute))
            .collect();
        for wait in waits.into_iter().rev() {
            assert_eq!(block_on(wait), Some(Waited::Finished));
        }
    }

    #[test]
    fn a_poller_can_be_dropped_before_its_answers_are_read() {
        let (device, queue) = device();
        let poller = Poller::default();
        let wait = poller.finished(&device, queue.submit([]), Duration::from_mins(1));
        drop(poller);
        assert_eq!(block_on(wait), Some(Waited::Finished));
    }
}
