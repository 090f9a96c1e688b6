import { configure } from '@testing-library/react-native';

// Long, because a machine that is busy with many tests can pause for seconds; only failing tests wait this long.
configure({ asyncUtilTimeout: 20_000 });
