import { configure } from '@testing-library/react-native';

// Long, as it only matters to what fails: machines that are busy with many tests stand still for seconds at times.
configure({ asyncUtilTimeout: 20_000 });
