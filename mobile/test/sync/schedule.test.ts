import { Schedule } from '../../../client/src/records/schedule';

let now = 0;
let runs = 0;

/** Advances both the stopwatch and the timers. */
function pass(ms: number): void {
  now += ms;
  jest.advanceTimersByTime(ms);
}

beforeEach(() => {
  jest.useFakeTimers();
  now = runs = 0;
});
afterEach(() => jest.useRealTimers());

const newSchedule = (): Schedule =>
  new Schedule(
    () => now,
    () => (runs += 1),
  );

test('the earliest wish counts', () => {
  const schedule = newSchedule();
  schedule.plan(60_000);
  schedule.plan(1_000);
  schedule.plan(5_000);
  pass(999);
  expect(runs).toBe(0);
  pass(1);
  expect(runs).toBe(1);
  pass(60_000);
  expect(runs).toBe(1);
});

test('nothing runs while it is held back', () => {
  const schedule = newSchedule();
  schedule.holdBack(2_000);
  schedule.plan(0);
  pass(1_999);
  expect(runs).toBe(0);
  pass(1);
  expect(runs).toBe(1);
});

test('after a leap of the stopwatch, as after a sleep, it does not wait for the late timer', () => {
  const schedule = newSchedule();
  schedule.plan(60_000);
  now += 3_600_000;
  schedule.plan(0);
  jest.advanceTimersByTime(0);
  expect(runs).toBe(1);
  pass(60_000);
  expect(runs).toBe(1);
});
