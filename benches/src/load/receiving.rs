//! What becomes of what a broker sends: deliveries are ticked off, answers move clients on.

use super::client::Reply;
use super::error::LoadError;
use super::flow::{Flow, Role};
use crate::net::{Handler, LinkId, Net, NetError};
use crate::wire::{Packet, QoS, put_puback};

impl Flow<'_> {
    #[inline]
    fn deliver(&mut self, subscriber: usize, payload: &[u8], now_ns: u64) {
        self.moves += 1;
        let Some(stamp) = self.settings.form.read(payload) else {
            let text = "a message that this run did not send arrived";
            return self.troubles.report(text.to_owned());
        };
        let publisher = stamp.publisher as usize;
        if self.ledger.deliver(subscriber, publisher, stamp.sequence)
            && self.measured_ns.contains(&stamp.due_ns)
        {
            self.latency.add(now_ns.saturating_sub(stamp.due_ns));
        }
    }

    fn answer(&mut self, net: &mut Net, link: LinkId, packet: &[u8]) -> Result<(), LoadError> {
        let (client, role) = (&self.settings.client, self.role(link));
        match client.reply(packet, role)? {
            Reply::Connected { receive_maximum } => self.connected(net, link, receive_maximum)?,
            Reply::Subscribed { packet_id } | Reply::Unsubscribed { packet_id } => match role {
                Role::Churner => self.changed(net, link, packet_id)?,
                Role::Subscriber(_)
                | Role::Stalled(_)
                | Role::Bystander(_)
                | Role::Publisher(_) => {
                    self.subacks[link] = self.subacks[link].saturating_sub(1);
                    if self.subacks[link] == 0 {
                        self.is_ready();
                    }
                }
            },
            Reply::Disconnected(reason) => match role {
                Role::Stalled(_) => {}
                Role::Subscriber(_) | Role::Bystander(_) | Role::Churner | Role::Publisher(_) => {
                    self.troubles.disconnected(client, role, reason);
                }
            },
            Reply::Pong | Reply::Nothing => {}
        }
        Ok(())
    }

    fn connected(
        &mut self,
        net: &mut Net,
        link: LinkId,
        receive_maximum: u16,
    ) -> Result<(), LoadError> {
        let plan = self.plan;
        let filters = match self.role(link) {
            Role::Subscriber(nth) => plan.subscribers[nth].filters.as_slice(),
            Role::Stalled(nth) => &plan.stalled[nth].filters,
            Role::Bystander(nth) => &plan.bystanders[nth].filters,
            Role::Churner => &[],
            Role::Publisher(nth) => {
                if self.settings.client.qos == QoS::AtLeastOnce {
                    self.ledger.limit_window(nth, receive_maximum);
                }
                self.is_ready();
                return Ok(());
            }
        };
        let client = &self.settings.client;
        self.subacks[link] = client.put_subscribes(net.out(link), filters)?;
        if self.subacks[link] == 0 {
            self.is_ready();
        }
        Ok(())
    }

    /// A filter has come or gone: now the other way round.
    fn changed(&mut self, net: &mut Net, link: LinkId, packet_id: u16) -> Result<(), LoadError> {
        let now_ns = net.clock.now_ns();
        if let Some(churn) = &mut self.churn {
            churn.done(packet_id, now_ns, &self.measured_ns);
            if self.sending {
                churn.put(net.out(link), &self.settings.client, packet_id, now_ns)?;
            }
        }
        Ok(())
    }
}

impl Handler for Flow<'_> {
    fn opened(&mut self, net: &mut Net, link: LinkId) {
        let role = self.role(link);
        let put = self.settings.client.put_connect(net.out(link), role);
        if let Err(error) = put {
            self.troubles.fail(error);
        }
    }

    #[inline]
    fn packet(&mut self, net: &mut Net, link: LinkId, packet: Packet<'_>, now_ns: u64) {
        match packet {
            Packet::Publish { packet_id, payload } => {
                if let Some(packet_id) = packet_id {
                    put_puback(net.out(link), packet_id);
                }
                match self.role(link) {
                    Role::Subscriber(nth) => self.deliver(nth, payload, now_ns),
                    Role::Stalled(_) => self.stalled_read += 1,
                    role @ (Role::Bystander(_) | Role::Churner | Role::Publisher(_)) => {
                        self.troubles
                            .report(format!("{role} got a message that it did not ask for"));
                    }
                }
            }
            Packet::PubAck { packet_id, reason } => {
                self.moves += 1;
                if let Role::Publisher(nth) = self.role(link) {
                    self.ledger.acknowledge(nth, packet_id, reason >= 0x80);
                }
            }
            Packet::Other(packet) => {
                if let Err(error) = self.answer(net, link, packet) {
                    self.troubles.fail(error);
                }
            }
        }
    }

    fn closed(&mut self, _net: &mut Net, link: LinkId, why: NetError) {
        match self.role(link) {
            Role::Stalled(_) if self.troubles.under_way => self.stalled_lost += 1,
            role @ (Role::Stalled(_)
            | Role::Subscriber(_)
            | Role::Bystander(_)
            | Role::Churner
            | Role::Publisher(_)) => self.troubles.lost(&self.settings.client, role, why),
        }
    }

    #[inline]
    fn drained(&mut self, net: &mut Net, link: LinkId) {
        if let Role::Publisher(nth) = self.role(link)
            && self.sending
            && self.ledger.is_open(nth)
            && self.next_due_ns(nth, net.clock.now_ns()).is_some()
        {
            self.ledger.list(nth);
        }
    }
}
